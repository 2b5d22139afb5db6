/* `innsyn-agent block`, `unblock`: the stop button for one permit. */
#include <stdio.h>

#include "agents/commands/commands.h"
#include "agents/guard/blocks.h"

static result change(const struct agent_settings *s, const struct document_id *permit, bool block, struct why *why)
{
    static struct blocks b; /* large */
    TRY(blocks_read(host_real(), s, &b, why));
    if (block && !blocks_hold(&b, permit)) {
        if (b.count == BLOCKS_MAX)
            return FAIL(why, LIMIT, "%d permits are blocked here; unblock one first", BLOCKS_MAX);
        b.permits[b.count++] = *permit;
    }
    for (unsigned i = 0; i < b.count && !block; i++)
        if (document_id_equal(&b.permits[i], permit))
            b.permits[i] = b.permits[--b.count];
    return blocks_write(host_real(), s, &b, why);
}

static int run(int argc, char **argv, bool block)
{
    const char *words[2], *name = block ? "block" : "unblock";
    struct agent_settings s;
    struct document_id permit;
    struct why why = {0};
    if (!arguments_read(argc, argv, NULL, words, 2, block ? "block DIR PERMIT" : "unblock DIR PERMIT"))
        return EXIT_USAGE;
    result r = agent_settings_read(host_real(), words[0], &s, &why);
    if (is_ok(r))
        r = document_id_parse(slice_str(words[1]), 'p', &permit, &why);
    if (is_ok(r))
        r = change(&s, &permit, block, &why);
    if (is_ok(r) && block)
        printf("site %s answers nothing under permit %s; go on with: innsyn-agent unblock %s %s\n", s.site.text, permit.text, words[0], permit.text);
    else if (is_ok(r))
        printf("site %s answers under permit %s again\n", s.site.text, permit.text);
    return command_end(name, r, &why);
}

int command_block(int argc, char **argv)
{
    return run(argc, argv, true);
}

int command_unblock(int argc, char **argv)
{
    return run(argc, argv, false);
}
