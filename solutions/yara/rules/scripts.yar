/* What scripts of intruders do and those of administrators hardly ever. */
private rule Is_Script
{
    condition:
        uint16be(0) == 0x2321 and filesize < 1MB
}

rule Script_Shell_Over_Network : backdoor
{
    meta:
        description = "Script that gives a shell to somebody on the network"
        author = "Ringfort"
        severity = "high"

    strings:
        $bash = /(ba)?sh\s+-i[^\n]{0,20}>&?\s*\/dev\/(tcp|udp)\//
        $exec = /exec\s+[0-9]{1,3}<>\s*\/dev\/(tcp|udp)\/[^\n]{0,80}/
        $pipe = /mkfifo\s+[^\n]{1,60}\|\s*(ba|da)?sh\s+-i[^\n]{0,20}\|\s*(nc|ncat|netcat|openssl)\s/
        $netcat = /\b(nc|ncat|netcat)\s+[^\n|;]{0,60}-(e|c)\s*["']?\/?(usr\/)?(bin\/)?(ba|da)?sh\b/
        $python = /socket\.socket\([^\n]{0,200}dup2\([^\n]{0,200}(subprocess|pty)\./

    condition:
        Is_Script and any of them
}

rule Script_Download_And_Run : dropper
{
    meta:
        description = "Script that decodes or fetches something, makes it executable and hides the traces"
        author = "Ringfort"
        severity = "medium"

    strings:
        $fetch = /\b(curl|wget)\s[^\n]{0,120}(\/tmp\/|\/var\/tmp\/|\/dev\/shm\/)/
        $chmod = /chmod\s+(\+x|[0-7]?[0-7]77|u\+x|a\+x)\s[^\n]{0,60}(\/tmp\/|\/var\/tmp\/|\/dev\/shm\/)/
        $forget1 = "unset HISTFILE"
        $forget2 = "history -c"
        $forget3 = /rm\s+-r?f\s+[^\n]{0,20}\$0/

    condition:
        Is_Script and $fetch and $chmod and any of ($forget*)
}
