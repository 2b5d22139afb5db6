/*
 * Workers take turns at the file: each reads the next AUDIT_PART lines, checks and hashes them by itself,
 * waits until the parts before are joined, and joins its own.  So nothing is ever out of order, and at
 * most one part a worker is in memory.
 */
#include "client/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORKERS = 4, /* more than cores, often: one that waits for its turn to join must not leave a core idle */
       READ_BYTES = 128 * 1024, PART_BYTES_MAX = AUDIT_PART * (AUDIT_ENTRY_MAX + 1) };

struct reading {
    pthread_mutex_t lock;
    pthread_cond_t joined;
    int fd;
    bool at_end;
    struct buffer ahead;     /* read, and not yet handed out */
    uint64_t parts, next;    /* handed out; joined */
    uint64_t bytes;
    struct audit *audit;
    result outcome;          /* of the first part that failed */
    struct why *why;
    log_file_said *said;
    void *self;
};

struct part {
    uint64_t number;
    struct buffer bytes;
    unsigned count;
    struct audit audit;
    struct hash leaves[AUDIT_PART];
    struct hash root;
    result outcome;
    struct why why;
};

static result read_more(struct reading *r, struct why *why)
{
    uint8_t *to = NULL;
    TRY(buffer_reserve(&r->ahead, READ_BYTES, &to, why));
    ssize_t n = read(r->fd, to, READ_BYTES);
    buffer_commit(&r->ahead, n > 0 ? (size_t)n : 0);
    if (n < 0 && errno == EINTR)
        return DONE;
    if (n < 0)
        return FAIL(why, UNAVAILABLE, "the file cannot be read");
    r->at_end = n == 0;
    return DONE;
}

/* The next lines, up to AUDIT_PART, go to p->bytes; none at the end.  Under the lock. */
static result take_lines(struct reading *r, struct part *p, struct why *why)
{
    size_t at = 0;
    p->count = 0;
    buffer_clear(&p->bytes);
    while (p->count < AUDIT_PART) {
        struct slice rest = slice_part(buffer_slice(&r->ahead), at, r->ahead.len);
        const uint8_t *line = rest.len ? memchr(rest.at, '\n', rest.len) : NULL;
        if (line) {
            at += (size_t)(line - rest.at) + 1;
            p->count++;
        } else if (r->at_end) {
            if (rest.len)
                return FAIL(why, DENIED, "the file ends within entry %llu: it was cut off", (unsigned long long)(r->parts * AUDIT_PART + p->count));
            break;
        } else if (rest.len > AUDIT_ENTRY_MAX) {
            return FAIL(why, DENIED, "entry %llu has more than %d bytes", (unsigned long long)(r->parts * AUDIT_PART + p->count), AUDIT_ENTRY_MAX);
        } else {
            TRY(read_more(r, why));
        }
    }
    TRY(buffer_add(&p->bytes, slice_of(r->ahead.at, at), why));
    buffer_consume(&r->ahead, at);
    r->bytes += at;
    p->number = r->parts;
    r->parts += p->count > 0;
    return DONE;
}

static result check_part(struct part *p, struct why *why)
{
    struct merkle_frontier tree;
    struct slice rest = buffer_slice(&p->bytes);
    audit_init(&p->audit, NULL);
    merkle_frontier_init(&tree);
    for (unsigned i = 0; i < p->count; i++) {
        size_t end = slice_find(rest, '\n');
        struct slice entry = slice_part(rest, 0, end);
        TRY(audit_form(&p->audit, entry, p->number * AUDIT_PART + i, why));
        p->leaves[i] = merkle_leaf(entry);
        TRY(merkle_append(&tree, &p->leaves[i], NULL, NULL, why));
        rest = slice_part(rest, end + 1, rest.len);
    }
    p->root = merkle_root(&tree);
    return DONE;
}

static void join_part(struct reading *r, struct part *p)
{
    if (is_ok(r->outcome) && is_ok(p->outcome))
        p->outcome = audit_join(r->audit, &p->audit, p->leaves, p->count, &p->root, &p->why);
    if (is_ok(r->outcome) && !is_ok(p->outcome)) {
        r->outcome = p->outcome;
        if (r->why)
            *r->why = p->why;
    }
    r->next++;
    if (r->said && r->next % 16 == 0)
        r->said(r->self, r->audit->tree.size, r->bytes);
}

static void *work(void *reading)
{
    struct reading *r = reading;
    struct part *p = calloc(1, sizeof *p);
    if (p)
        buffer_init(&p->bytes, PART_BYTES_MAX);
    pthread_mutex_lock(&r->lock);
    for (;;) {
        struct why why = {0};
        result taken = !is_ok(r->outcome) ? r->outcome : p ? take_lines(r, p, &why) : FAIL(&why, LIMIT, "no memory for a part of the log");
        if (!is_ok(taken) && is_ok(r->outcome)) {
            /* Parts before this one may hold an earlier fault: they are joined first. */
            while (r->next < r->parts)
                pthread_cond_wait(&r->joined, &r->lock);
            if (is_ok(r->outcome)) {
                r->outcome = taken;
                if (r->why)
                    *r->why = why;
            }
        }
        if (!is_ok(taken) || p->count == 0)
            break;
        pthread_mutex_unlock(&r->lock);
        p->why = (struct why){0};
        p->outcome = check_part(p, &p->why);
        pthread_mutex_lock(&r->lock);
        while (r->next != p->number)
            pthread_cond_wait(&r->joined, &r->lock);
        join_part(r, p);
        pthread_cond_broadcast(&r->joined);
    }
    pthread_cond_broadcast(&r->joined);
    pthread_mutex_unlock(&r->lock);
    if (p)
        buffer_done(&p->bytes);
    free(p);
    return NULL;
}

result log_file_audit(const char *path, struct audit *a, log_file_said *said, void *self, struct why *why)
{
    struct reading r = {.audit = a, .why = why, .said = said, .self = self};
    pthread_t workers[WORKERS];
    unsigned count = 0;
    buffer_init(&r.ahead, 2 * READ_BYTES + AUDIT_PART * (size_t)(AUDIT_ENTRY_MAX + 1));
    r.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (r.fd < 0)
        return FAIL(why, errno == ENOENT ? ABSENT : UNAVAILABLE, "%s cannot be read", path);
    pthread_mutex_init(&r.lock, NULL);
    pthread_cond_init(&r.joined, NULL);
    while (count + 1 < WORKERS && pthread_create(&workers[count], NULL, work, &r) == 0)
        count++;
    work(&r); /* this thread is one of them: it goes on when no other can be had */
    for (unsigned i = 0; i < count; i++)
        pthread_join(workers[i], NULL);
    pthread_cond_destroy(&r.joined);
    pthread_mutex_destroy(&r.lock);
    buffer_done(&r.ahead);
    close(r.fd);
    return r.outcome;
}
