# Completion of `innsyn` for bash: nouns and verbs, options of each command, files where files are taken.
_innsyn() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} noun= verb= i
    local log_filters="--account --organisation --dataset --variable --purpose --permit --query --request --site --outcome --type --from --to"
    local -A verbs=(
        [profile]="create" [key]="new show" [account]="list create me mail attestations erase" [text]="erase" [token]="create list revoke"
        [application]="forms create edit submit copy list show accept decline screen complete ask answer opinion extend assessment decide withdraw letter fee estimate agree transfer appeal judge attach detach attachment export" [permit]="list show sign revoke suspend resume amend renew"
        [enquiry]="ask list show answer reply apply close"
        [query]="check run list show cancel" [result]="show verify" [site]="list add sign-rules"
        [trust]="show pin publish root-key make sign" [audit]="verify recombine reconcile signals search show watch export prove mirror policy witness" [optout]="register withdraw show list-versions" [policy]="roles show publish explain duo" [organisation]="list add" [training]="record withdraw" [terms]="sign withdraw"
        [register]="report" [login]="" [logout]="" [catalogue]="" [help]=""
    )
    local -A options=(
        ["enquiry ask"]="--title --question --kind --country --purpose --dataset" ["enquiry answer"]="--version --text"
        ["enquiry reply"]="--version --text" ["enquiry apply"]="--version" ["enquiry close"]="--version --text"
        ["application edit"]="--version" ["application submit"]="--version" ["application list"]="--state" ["application accept"]="--version"
        ["application decline"]="--version" ["application screen"]="--version --text" ["application complete"]="--version --text"
        ["application ask"]="--version --text" ["application answer"]="--version --text --form"
        ["application opinion"]="--version --site --text" ["application extend"]="--version --reason"
        ["application decide"]="--version --reason --ground --deviation" ["application withdraw"]="--version --reason" ["application letter"]="--lang"
        ["application fee"]="--lang" ["application estimate"]="--version --fee --text" ["application agree"]="--version"
        ["application transfer"]="--version --text" ["application appeal"]="--version --text" ["application judge"]="--version --reason"
        ["application attach"]="--version --name" ["application detach"]="--version" ["application attachment"]="--out"
        ["application export"]="--out" ["register "]="--year --csv" ["permit sign"]="--yes" ["permit revoke"]="--reason"
        ["permit suspend"]="--reason" ["permit resume"]="--reason" ["permit renew"]="--to"
        ["profile create"]="--url --ca --account --network --trust" ["login "]="--password-file" ["catalogue "]="--dcat"
        ["account mail"]="--lang" ["account create"]="--roles --password-file --organisation --key" ["token create"]="--days --scopes"
        ["policy explain"]="--permit" ["policy duo"]="--research --conditions --organisation" ["organisation add"]="--name --kind --country --number --mandate"
        ["training record"]="--until" ["query check"]="--permit" ["query run"]="--permit --sites --timeout --round5" ["site add"]="--title" ["site sign-rules"]="--out"
        ["optout register"]="--id-kind --id-file --receipt --purposes --sites"
        ["trust make"]="--network --version --root-public --threshold --officer --desk --holder --site-public --witness --succession --broker-public --out"
        ["trust sign"]="--key" ["audit show"]="--from --to"
        ["result show"]="--round5" ["result verify"]="--policy --out" ["audit verify"]="--file --checkpoint --folder --proof --evidence --policy" ["audit prove"]="--type --out --policy"
        ["audit recombine"]="--result --dictionary --policy" ["audit signals"]="--from --to --hours"
        ["audit search"]="$log_filters --limit --cursor" ["audit export"]="$log_filters --format --out" ["audit watch"]="--from --calls"
        ["audit mirror"]="--policy" ["audit policy"]="--policy" ["audit witness"]="--name --once --policy"
    )
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --profile) ((i++)) ;;
            -*) ;;
            *)
                if [[ -z $noun ]]; then
                    noun=${COMP_WORDS[i]}
                elif [[ -z $verb ]]; then
                    verb=${COMP_WORDS[i]}
                fi
                ;;
        esac
    done
    case $before in
        --profile) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
        --ca | --password-file | --root-public | --site-public | --succession | --broker-public | --out | --research | --conditions)
            mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    esac
    if [[ $word == -* ]]; then
        [[ -n $noun && -z ${verbs[$noun]} ]] && verb=
        mapfile -t COMPREPLY < <(compgen -W "--profile --json --ascii --help ${options["$noun $verb"]}" -- "$word")
    elif [[ -z $noun ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${!verbs[*]}" -- "$word")
    elif [[ $noun == help && -z $verb ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${!verbs[*]}" -- "$word")
    elif [[ -z $verb && -n ${verbs[$noun]} ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${verbs[$noun]}" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -F _innsyn innsyn
