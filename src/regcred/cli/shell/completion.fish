# Completion of regcred for fish. In ~/.config/fish/config.fish: regcred completion fish | source

function __regcred_complete
    set -l words (commandline -opc)
    set -e words[1]
    set -l cur (commandline -ct)
    set -l lines (regcred __complete fish $words "$cur" 2>/dev/null </dev/null)
    test (count $lines) -gt 0; or return
    set -l directive (string sub -s 2 -- $lines[-1])
    set -e lines[-1]

    set -l prefix (string match -r -- '^--[^=]*=' "$cur")
    if test (count $lines) -gt 0
        for line in $lines
            printf '%s\n' "$prefix$line"
        end
        return
    end
    set prefix (string match -r -- '^.*=' "$cur")
    set -l rest (string replace -r -- '^.*=' '' "$cur")
    if test (math "bitand($directive, 16)") -ne 0
        for line in (__fish_complete_directories "$rest")
            printf '%s\n' "$prefix$line"
        end
    else if test (math "bitand($directive, 4)") -eq 0
        for line in (__fish_complete_path "$rest")
            printf '%s\n' "$prefix$line"
        end
    end
end

complete -c regcred -f -a '(__regcred_complete)'
