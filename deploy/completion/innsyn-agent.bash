# Completion of `innsyn-agent` for bash: commands and their second words, options, folders and files.
_innsyn_agent() {
    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}
    local -A seconds=([metadata]="preview" [rules]="set show explain" [optout]="apply" [inbox]="list show release refuse" [ledger]="show top-up freeze release"
        [disclosure]="explain")
    local -A options=([init]="--site --network" [enrol]="--token" [load]="--as --profile --public-data --publish-persons --dry-run" [pause]="--reason"
        [inbox]="--json --sha256 --reason" [rules]="--json --purpose --organisation --account --permit" [journal]="--json" [ledger]="--json --permit --dataset --variable --amount --reason")
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "init enrol load metadata check run pause resume rules block unblock inbox optout journal ledger disclosure --help --version" -- "$word")
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${options[$command]}" -- "$word")
    elif ((COMP_CWORD == 2)) && [[ -n ${seconds[$command]} ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${seconds[$command]}" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -F _innsyn_agent innsyn-agent
