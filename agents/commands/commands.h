/*
 * commands.h - what `innsyn-agent` does, one command a function.  argv[0] is the command's name.
 * Exit status: 0 done, 1 refused or failed (said on standard error, with a remedy), 2 wrong usage.
 */
#ifndef INNSYN_AGENTS_COMMANDS_COMMANDS_H
#define INNSYN_AGENTS_COMMANDS_COMMANDS_H

#include "agents/settings.h"
#include "base/result.h"

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

int command_init(int argc, char **argv);
int command_enrol(int argc, char **argv);
int command_load(int argc, char **argv);
int command_metadata(int argc, char **argv);
int command_check(int argc, char **argv);
int command_run(int argc, char **argv);
int command_pause(int argc, char **argv);
int command_resume(int argc, char **argv);
int command_optout(int argc, char **argv);
int command_journal(int argc, char **argv);
int command_checkpoint(int argc, char **argv);
int command_ledger(int argc, char **argv);
int command_disclosure(int argc, char **argv);
int command_inbox(int argc, char **argv);
int command_rules(int argc, char **argv);
int command_block(int argc, char **argv);
int command_unblock(int argc, char **argv);

/* --- arguments --- */
enum { OPTIONS_MAX = 8, POSITIONS_MAX = 4 };
struct option_spec {
    const char *name;   /* "--site"; NULL ends the list */
    const char **value; /* where its value goes; NULL: it has none */
    bool *set;          /* where its presence goes; may be NULL */
};
/* Exactly `positions` words besides options.  False, and the usage is printed: wrong usage. */
bool arguments_read(int argc, char **argv, const struct option_spec *options, const char **ret_positions,
                    unsigned positions, const char *usage);

/* Prints "innsyn-agent COMMAND: why" and gives EXIT_FAILED; EXIT_DONE when r is OK. */
int command_end(const char *command, result r, const struct why *why);

#endif
