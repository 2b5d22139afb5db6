#include <stdio.h>
#include <string.h>

#include "agents/commands/commands.h"

static const struct option_spec *find(const struct option_spec *options, const char *word)
{
    for (; options && options->name; options++)
        if (strcmp(options->name, word) == 0)
            return options;
    return NULL;
}

static bool read_words(int argc, char **argv, const struct option_spec *options, const char **ret_positions, unsigned positions)
{
    unsigned count = 0;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            if (count == positions) {
                fprintf(stderr, "innsyn-agent %s: \"%s\" is one word too many\n", argv[0], argv[i]);
                return false;
            }
            ret_positions[count++] = argv[i];
            continue;
        }
        const struct option_spec *o = find(options, argv[i]);
        if (!o) {
            fprintf(stderr, "innsyn-agent %s: there is no option %s\n", argv[0], argv[i]);
            return false;
        }
        if (o->set)
            *o->set = true;
        if (o->value) {
            if (i + 1 == argc) {
                fprintf(stderr, "innsyn-agent %s: %s needs a value\n", argv[0], argv[i]);
                return false;
            }
            *o->value = argv[++i];
        }
    }
    if (count < positions)
        fprintf(stderr, "innsyn-agent %s: %u more word%s needed\n", argv[0], positions - count, positions - count > 1 ? "s are" : " is");
    return count == positions;
}

bool arguments_read(int argc, char **argv, const struct option_spec *options, const char **ret_positions,
                    unsigned positions, const char *usage)
{
    if (read_words(argc, argv, options, ret_positions, positions))
        return true;
    fprintf(stderr, "usage: innsyn-agent %s\n", usage);
    return false;
}

int command_end(const char *command, result r, const struct why *why)
{
    if (is_ok(r))
        return EXIT_DONE;
    fprintf(stderr, "innsyn-agent %s: %s%s%s\n", command, why->field, why->field[0] ? ": " : "",
            why->text[0] ? why->text : status_name(r.code));
    return EXIT_FAILED;
}
