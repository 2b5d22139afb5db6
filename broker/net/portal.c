#include "broker/net/portal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/log.h"
#include "proto/crypto.h"

static const struct {
    const char *ending, *content_type;
} kinds[] = {
    {".html", "text/html; charset=utf-8"},      {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},              {".svg", "image/svg+xml"},
    {".png", "image/png"},                      {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},                   {".txt", "text/plain; charset=utf-8"},
    {".webmanifest", "application/manifest+json"},
};

static const char *content_type_of(const char *name)
{
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (slice_ends(slice_str(name), kinds[i].ending))
            return kinds[i].content_type;
    return NULL;
}

/* [A-Za-z0-9_-] and dots, but not first: no hidden names, nothing that needs decoding. */
static bool is_plain_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_' || *c == '-' ||
              (*c == '.' && c != name)))
            return false;
    return name[0] != '\0';
}

static result read_bytes(int fd, struct portal_file *f, struct why *why)
{
    size_t done = 0;
    f->bytes = malloc(f->len ? f->len : 1);
    if (!f->bytes)
        return FAIL(why, LIMIT, "no memory for %s", f->path);
    while (done < f->len) {
        ssize_t n = read(fd, f->bytes + done, f->len - done);
        if (n <= 0)
            return FAIL(why, UNAVAILABLE, "%s cannot be read: %s", f->path, n < 0 ? strerror(errno) : "it shrank");
        done += (size_t)n;
    }
    char hex[2 * HASH_LEN + 1];
    struct hash h = sha256(slice_of(f->bytes, f->len));
    hash_print(&h, hex);
    (void)snprintf(f->etag, sizeof f->etag, "\"%.32s\"", hex);
    return DONE;
}

static result read_file(struct portal *p, int fd, const char *path, const char *content_type, struct why *why)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return DONE; /* devices, sockets: not ours */
    if (p->count == PORTAL_FILES_MAX || st.st_size > PORTAL_BYTES_MAX || p->bytes + (size_t)st.st_size > PORTAL_BYTES_MAX)
        return FAIL(why, LIMIT, "the portal has more than %d files or %d bytes", PORTAL_FILES_MAX, PORTAL_BYTES_MAX);
    struct portal_file *f = &p->files[p->count++];
    f->content_type = content_type;
    f->len = (size_t)st.st_size;
    p->bytes += f->len;
    if (!slice_copy_str(slice_str(path), f->path, sizeof f->path))
        return FAIL(why, LIMIT, "a portal file's path is longer than %d", PORTAL_NAME_MAX);
    return read_bytes(fd, f, why);
}

static result read_folder(struct portal *p, int fd, const char *at, unsigned depth, struct why *why);

static result read_entry(struct portal *p, int folder, const char *at, const char *name, unsigned depth, struct why *why)
{
    char path[PORTAL_NAME_MAX + 300];
    (void)snprintf(path, sizeof path, "%s/%s", at, name);
    int fd = is_plain_name(name) ? openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        log_event(LOG_NOTICE, "portal_left_out", "file", path, NULL);
        if (fd >= 0)
            (void)close(fd);
        return DONE;
    }
    if (S_ISDIR(st.st_mode))
        return read_folder(p, fd, path, depth + 1, why);
    const char *content_type = content_type_of(name);
    result r = content_type ? read_file(p, fd, path, content_type, why) : DONE;
    (void)close(fd);
    return r;
}

/* Takes over fd. */
static result read_folder(struct portal *p, int fd, const char *at, unsigned depth, struct why *why)
{
    DIR *d = depth <= PORTAL_DEPTH_MAX ? fdopendir(fd) : NULL;
    result r = DONE;
    if (!d) {
        (void)close(fd);
        return FAIL(why, LIMIT, "%s: portal folders may be %d deep", at, PORTAL_DEPTH_MAX);
    }
    for (struct dirent *e = readdir(d); e && is_ok(r); e = readdir(d))
        if (e->d_name[0] != '.')
            r = read_entry(p, dirfd(d), at, e->d_name, depth, why);
    (void)closedir(d);
    return r;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct portal_file *)a)->path, ((const struct portal_file *)b)->path);
}

result portal_read(const char *folder, struct portal *ret, struct why *why)
{
    struct portal p = {0};
    if (folder[0] == '\0') {
        *ret = p;
        return DONE;
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return FAIL(why, ABSENT, "portal folder %s: %s", folder, strerror(errno));
    p.files = calloc(PORTAL_FILES_MAX, sizeof *p.files);
    if (!p.files) {
        (void)close(fd);
        return FAIL(why, LIMIT, "no memory for the portal");
    }
    result r = read_folder(&p, fd, "", 0, why);
    if (!is_ok(r)) {
        portal_done(&p);
        return r;
    }
    qsort(p.files, p.count, sizeof *p.files, by_path);
    *ret = p;
    return DONE;
}

void portal_done(struct portal *p)
{
    for (unsigned i = 0; i < p->count; i++)
        free(p->files[i].bytes);
    free(p->files);
    *p = (struct portal){0};
}

const struct portal_file *portal_find(const struct portal *p, const char *path)
{
    struct portal_file key = {0};
    size_t len = strlen(path);
    int n = snprintf(key.path, sizeof key.path, "%s%s", path, len > 0 && path[len - 1] == '/' ? "index.html" : "");
    if (p->count == 0 || n < 0 || (size_t)n >= sizeof key.path)
        return NULL;
    return bsearch(&key, p->files, p->count, sizeof *p->files, by_path);
}
