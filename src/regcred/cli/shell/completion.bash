# Completion of regcred for bash. In ~/.bashrc: source <(regcred completion bash)

_regcred() {
    local words=() values=() line word rest trimmed value i
    local cur="" directive=0 flag="" done=""

    # bash has split words at = and : too (COMP_WORDBREAKS): what no blank parts is one word.
    rest=${COMP_LINE:0:COMP_POINT}
    rest=${rest#*"${COMP_WORDS[0]}"}
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        trimmed=${rest#"${rest%%[![:space:]]*}"}
        [[ $trimmed == "$word"* ]] || word=$trimmed # the cursor stands in it
        if [[ $trimmed == "$rest" && ${#words[@]} -gt 0 ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        rest=${trimmed#"$word"}
    done
    cur=${words[${#words[@]} - 1]}

    while IFS= read -r line; do
        case $line in
        :[0-9]*) directive=${line#:} ;;
        *) values+=("${line%%$'\t'*}") ;;
        esac
    done < <(regcred __complete bash "${words[@]}" 2>/dev/null </dev/null)

    # What is inserted replaces only what follows the last = or :.
    [[ $cur == --*=* ]] && flag=${cur%%=*}=
    if [[ $cur == *=* && $COMP_WORDBREAKS == *=* || $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
        done=${cur%"${cur##*[=:]}"}
    fi

    COMPREPLY=()
    if ((${#values[@]})); then
        ((directive & 2)) && compopt -o nospace 2>/dev/null
        for value in "${values[@]}"; do
            value=$flag$value
            value=${value#"$done"}
            [[ $value == *[!a-zA-Z0-9_./:=@,+-]* ]] && printf -v value %q "$value"
            COMPREPLY+=("$value")
        done
    elif ! ((directive & 4)); then
        compopt -o filenames 2>/dev/null
        local IFS=$'\n' kind=-f
        ((directive & 16)) && kind=-d
        # shellcheck disable=SC2207 # names of files are lines here
        COMPREPLY=($(compgen $kind -- "${cur##*=}"))
    fi
}

complete -F _regcred regcred
