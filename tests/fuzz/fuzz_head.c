/* libFuzzer target: the head of a request and its path, as strangers send them. */
#include "broker/net/head.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of(data, size);
    struct http_head h;
    struct problem p;
    char path[HTTP_PATH_MAX + 1];
    size_t len = head_length(in, 0);
    if (len > size || (len && len < 4))
        abort();
    if (head_parse(slice_part(in, 0, len), &h, &p)) {
        if (h.host.len == 0 || h.content_length > HTTP_UPLOAD_MAX || memchr(data, 0, len))
            abort();
        if (head_path(h.target, path, &p) && (strstr(path, "/../") || strstr(path, "//") || path[0] != '/'))
            abort();
        (void)head_cookie(h.cookie, "innsyn");
        (void)head_bearer(h.authorization);
    }
    (void)head_path(in, path, &p);
    return 0;
}
