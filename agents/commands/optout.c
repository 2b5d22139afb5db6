/* `innsyn-agent optout apply`: the holder lets the newest list of opt-outs take effect before its batch is due. */
#include <stdio.h>
#include <string.h>

#include "agents/commands/commands.h"

int command_optout(int argc, char **argv)
{
    static const char usage[] = "optout apply DIR";
    const char *words[2];
    char path[AGENT_PATH_SIZE];
    struct agent_settings s;
    struct why why = {0};
    if (!arguments_read(argc, argv, NULL, words, 2, usage))
        return EXIT_USAGE;
    if (strcmp(words[0], "apply") != 0) {
        fprintf(stderr, "usage: innsyn-agent %s\n", usage);
        return EXIT_USAGE;
    }
    result r = agent_settings_read(host_real(), words[1], &s, &why);
    if (is_ok(r)) {
        agent_path(&s, "optout-apply", path);
        r = host_write_file(host_real(), path, 0644, slice_str("apply\n"), &why);
    }
    if (is_ok(r))
        printf("site %s: the running agent makes new editions with the newest list of opt-outs within a second, or when it starts\n", s.site.text);
    return command_end("optout", r, &why);
}
