#compdef regcred
# Completion of regcred for zsh. In ~/.zshrc, behind compinit: source <(regcred completion zsh)

_regcred() {
    local -a lines items suffix
    local line value directive=0

    lines=("${(@f)$(regcred __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
    for line in "${lines[@]}"; do
        if [[ $line == :<-> ]]; then
            directive=${line#:}
        elif [[ -n $line ]]; then
            value=${line%%$'\t'*}
            value=${value//:/\\:} # _describe has a colon before what a value means
            [[ $line == *$'\t'* ]] && value+=":${line#*$'\t'}"
            items+=("$value")
        fi
    done

    [[ $PREFIX == --*=* ]] && compset -P 1 '*='
    if (( ${#items} )); then
        (( directive & 2 )) && suffix=(-S '')
        _describe -t values 'regcred' items "${suffix[@]}"
    elif (( directive & 16 )); then
        _files -/
    elif (( ! (directive & 4) )); then
        compset -P '*='
        _files
    fi
}

if [[ ${funcstack[1]} == _regcred ]]; then # found by $fpath, and called for the first time
    _regcred "$@"
elif (( $+functions[compdef] )); then
    compdef _regcred regcred
else
    print -u2 "regcred: completion needs compinit before it: autoload -U compinit; compinit"
fi
