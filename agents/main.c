/* innsyn-agent: the program a data holder runs beside the data. */
#include <stdio.h>
#include <string.h>

#include "agents/commands/commands.h"

static const struct {
    const char *name, *words, *about;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"init", "DIR --site ID [--network NETWORK]", "make the agent's folder and keys", command_init},
    {"enrol", "DIR --token TOKEN", "get the site's certificate with a one-time token", command_enrol},
    {"load", "DIR DICTIONARY.json FILE.csv", "load a dataset (--as, --profile, --public-data, --dry-run)", command_load},
    {"metadata", "preview DIR", "what is published of this site's data", command_metadata},
    {"check", "DIR", "is all in order?", command_check},
    {"run", "DIR", "answer questions until TERM", command_run},
    {"pause", "DIR [--reason TEXT]", "answer nothing until resumed", command_pause},
    {"resume", "DIR", "answer again", command_resume},
    {"rules", "set|show|explain DIR ...", "the site's own rules, signed by its holder", command_rules},
    {"block", "DIR PERMIT", "answer nothing under one permit", command_block},
    {"unblock", "DIR PERMIT", "answer under it again", command_unblock},
    {"optout", "apply DIR", "put the newest list of opt-outs in force now", command_optout},
    {"inbox", "list|show|release|refuse DIR ...", "answers that wait for the holder's hand", command_inbox},
    {"journal", "DIR [--json]", "what was asked and answered here; checks it", command_journal},
    {"checkpoint", "DIR", "the newest checkpoint of the broker's log that this site saw", command_checkpoint},
    {"ledger", "show|top-up|freeze|release DIR", "what permits have been told, and how much more they may be", command_ledger},
    {"disclosure", "explain DIR QUESTION.json", "what would be released, and why (prints true counts)", command_disclosure},
};

static void show_usage(FILE *to)
{
    fprintf(to, "usage: innsyn-agent COMMAND ...\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(to, "  %-11s%-36s%s\n", commands[i].name, commands[i].words, commands[i].about);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("%s\n", AGENT_BUILD);
        return EXIT_DONE;
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        show_usage(stdout);
        return EXIT_DONE;
    }
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, argv[1]) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (argc > 1)
        fprintf(stderr, "innsyn-agent: there is no command %s\n", argv[1]);
    show_usage(stderr);
    return EXIT_USAGE;
}
