/* The test file that every scanner of files finds; it harms nobody. */
rule Eicar_Test_File : test
{
    meta:
        description = "EICAR test file"
        author = "Ringfort"
        reference = "https://www.eicar.org/download-anti-malware-testfile/"
        severity = "high"

    strings:
        /* As bytes: a scanner of files shall not find this rule. */
        $eicar = {
            58 35 4f 21 50 25 40 41 50 5b 34 5c 50 5a 58 35 34 28 50 5e 29 37 43 43 29 37 7d 24
            45 49 43 41 52 2d 53 54 41 4e 44 41 52 44 2d 41 4e 54 49 56 49 52 55 53 2d 54 45 53 54 2d
            46 49 4c 45 21 24 48 2b 48 2a
        }

    condition:
        /* Behind a first line, a script that has it can be executed. */
        $eicar in (0 .. 64)
}
