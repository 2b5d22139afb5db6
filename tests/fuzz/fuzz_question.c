/* What question_read accepts has one canonical form, which is its own; every slot of it has a box. */
#include "proto/question.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dictionary *dictionary(const char *profile)
{
    static const char TEXT[] =
        "{\"dataset\":\"d\",\"profile\":\"%s\",\"public\":true,\"variables\":["
        "{\"name\":\"sex\",\"type\":\"category\",\"levels\":[{\"code\":\"1\"},{\"code\":\"0\"}]},"
        "{\"name\":\"odd\",\"type\":\"code\",\"levels\":[{\"code\":\"a,b\"},{\"code\":\"?\"},{\"code\":\"%%\"}],"
        "\"groupings\":[{\"name\":\"two\",\"groups\":[{\"code\":\"g\",\"levels\":[\"a,b\",\"%%\"]},{\"code\":\"?\",\"levels\":[\"?\"]}]}]},"
        "{\"name\":\"age\",\"type\":\"integer\",\"groupings\":[{\"name\":\"tens\",\"breaks\":[0,10,20]},{\"name\":\"all\",\"breaks\":[0,20]}]},{\"name\":\"wide\",\"type\":\"integer\",\"grid\":{\"origin\":2,\"step\":5}},"
        "{\"name\":\"x\",\"type\":\"number\",\"grid\":{\"step\":0.1}},{\"name\":\"day\",\"type\":\"date\"}]}";
    char text[1024];
    struct json *v CLEANUP(json_freep) = NULL;
    struct dictionary *d = NULL;
    (void)snprintf(text, sizeof text, TEXT, profile);
    if (!is_ok(json_parse(slice_str(text), sizeof text, &v, NULL)) || !is_ok(dictionary_read(v, NULL, PROFILE_CK, &d, NULL)))
        abort();
    return d;
}

static void check(const struct dictionary *d, const struct json *v)
{
    struct question *q CLEANUP(question_freep) = NULL, *again CLEANUP(question_freep) = NULL;
    struct json *canonical CLEANUP(json_freep) = NULL;
    struct why why = {0};
    if (!is_ok(question_read(v, d, &q, &why))) {
        if (q || !why.text[0])
            abort();
        return;
    }
    if (!is_ok(json_parse(buffer_slice(&q->canonical), QUESTION_BYTES_MAX, &canonical, &why)) ||
        !is_ok(question_read(canonical, d, &again, &why)) ||
        !slice_equal(buffer_slice(&q->canonical), buffer_slice(&again->canonical)))
        abort();
    for (int slot = CELL_INSIDE; slot < 6; slot++) {
        struct buffer box CLEANUP(buffer_done) = {0};
        int index[TABLE_DIMENSIONS_MAX];
        bool inside = true;
        for (unsigned i = 0; i < TABLE_DIMENSIONS_MAX; i++) {
            index[i] = slot;
            inside = inside && (i >= q->dimension_count || slot <= (int)dimension_cells(q, i) + 2);
        }
        buffer_init(&box, 256 * 1024);
        if (is_ok(question_cell_box(q, index, &box, NULL)) != inside)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dictionary *ck, *open;
    struct json *v CLEANUP(json_freep) = NULL;
    if (!ck) {
        ck = dictionary("ck");
        open = dictionary("open");
    }
    if (is_ok(json_parse(slice_of(data, size), QUESTION_BYTES_MAX, &v, NULL))) {
        check(ck, v);
        check(open, v);
    }
    return 0;
}
