/* What is in programs of intruders and not in those of a distribution. */
private rule Is_Elf
{
    condition:
        uint32be(0) == 0x7f454c46
}

rule Elf_Packed_Upx : packed
{
    meta:
        description = "Program packed with UPX: what is in it cannot be seen before it runs"
        author = "Ringfort"
        reference = "https://upx.github.io/"
        severity = "low"

    strings:
        $mark = "UPX!"
        $note = "$Info: This file is packed with the UPX executable packer"

    condition:
        Is_Elf and $note and $mark in (0 .. 512)
}

rule Elf_Coin_Miner : miner
{
    meta:
        description = "Program that mines coins"
        author = "Ringfort"
        severity = "high"

    strings:
        $pool = "stratum+tcp://"
        $tls = "stratum+ssl://"
        $json1 = "\"mining.subscribe\""
        $json2 = "\"mining.authorize\""
        $random = "randomx"
        $donate = "donate-level"

    condition:
        Is_Elf and 3 of them
}

rule Elf_Preload_Rootkit : rootkit
{
    meta:
        description = "Library that hides files and has itself loaded into every process"
        author = "Ringfort"
        severity = "high"

    strings:
        $preload = "/etc/ld.so.preload"
        $next = "dlsym"
        $readdir = "readdir64"
        $maps = "/proc/self/maps"
        $fd = "/proc/self/fd/%d"
        $open = "fopen64"

    condition:
        Is_Elf and filesize < 1MB and all of ($preload, $next, $readdir) and any of ($maps, $fd, $open)
}
