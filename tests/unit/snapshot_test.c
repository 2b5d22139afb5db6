/* A snapshot is whole or it is not there: every file damaged in every way is named, and whatever fails or
 * dies while the next one is written, the last one stays in force and the leftovers go at the next load. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/agent_data.h"
#include "tests/unit/fault_host.h"

static const char DICTIONARY[] =
    "{\"dataset\":\"t\",\"event_table\":true,\"profile\":\"open\",\"public\":true,\"variables\":["
    "{\"name\":\"pid\",\"type\":\"id\"},{\"name\":\"age\",\"type\":\"integer\",\"missing_codes\":[\"0\"]},"
    "{\"name\":\"sex\",\"type\":\"categorical\",\"levels\":[{\"code\":\"0\"},{\"code\":\"1\"}]},"
    "{\"name\":\"seen\",\"type\":\"date\"}]}";

struct place {
    char root[SCRATCH_PATH], folder[128];
    struct dictionary *d;
};

static void place_init(struct place *p)
{
    scratch_make(p->root, "snapshot");
    snprintf(p->folder, sizeof p->folder, "%s/t", p->root);
    p->d = test_dictionary(DICTIONARY, PROFILE_CK);
}

static void place_done(struct place *p)
{
    dictionary_free(p->d);
    scratch_remove(p->root);
}

/* A source of `rows` rows that may kill its process at one of them. */
struct rows {
    unsigned rows, next, kill_at;
};

static result read_rows(void *self, uint8_t *to, size_t room, size_t *ret_len, struct why *why)
{
    struct rows *r = self;
    char line[128];
    (void)why;
    if (r->next == 0)
        snprintf(line, sizeof line, "pid,age,sex,seen\n");
    else if (r->next <= r->rows)
        snprintf(line, sizeof line, "p%u,%u,%u,2020-01-0%u\n", r->next % 777, r->next % 90, r->next % 2, 1 + r->next % 9);
    else
        line[0] = 0;
    if (r->kill_at && r->next == r->kill_at)
        raise(SIGKILL);
    r->next++;
    *ret_len = strlen(line);
    assert_true(*ret_len <= room);
    memcpy(to, line, *ret_len);
    return DONE;
}

static result load(const struct place *p, const struct host *h, unsigned rows, unsigned kill_at, struct hash *ret, struct why *why)
{
    struct rows source = {.rows = rows, .kill_at = kill_at};
    struct load_options options = {.dataset_folder = p->folder, .keys = test_keys};
    struct load_report report;
    result r = loader_run(h, p->d, (struct csv_source){read_rows, &source}, &options, &report, why);
    *ret = report.snapshot;
    return r;
}

static unsigned snapshots_in(const struct place *p)
{
    char path[256];
    unsigned n = 0;
    snprintf(path, sizeof path, "%s/snapshots", p->folder);
    DIR *dir = opendir(path);
    if (!dir)
        return 0;
    for (const struct dirent *e; (e = readdir(dir));)
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

/* The snapshot in force is `want`, and opens whole. */
static void assert_in_force(const struct place *p, const struct hash *want, unsigned rows)
{
    struct hash name;
    struct snapshot *s = NULL;
    assert_ok(snapshot_current(host_real(), p->folder, &name, NULL));
    assert_true(hash_equal(&name, want));
    assert_ok(snapshot_open(host_real(), p->folder, &name, true, &s, NULL));
    assert_int_equal(s->facts.rows, rows);
    snapshot_close(s);
}

static void file_path(const struct place *p, const struct hash *name, const char *file, char to[512])
{
    char hex[2 * HASH_LEN + 1];
    hash_print(name, hex);
    snprintf(to, 512, "%s/snapshots/%s/%s", p->folder, hex, file);
}

static void test_describe(void **state)
{
    struct place p;
    struct hash name, other;
    struct snapshot_facts facts;
    struct dictionary *d = NULL;
    struct stat st;
    char path[512];
    (void)state;
    place_init(&p);
    assert_status(snapshot_current(host_real(), p.folder, &name, NULL), ABSENT);
    assert_ok(load(&p, host_real(), 1000, 0, &name, NULL));
    assert_ok(snapshot_describe(host_real(), p.folder, &name, &facts, &d, NULL));
    assert_int_equal(facts.rows, 1000);
    assert_int_equal(facts.persons, 777);
    assert_string_equal(facts.dataset.text, "t");
    assert_true(facts.created_ms > 0);
    assert_int_equal(d->profile, PROFILE_OPEN);
    assert_true(d->event_table);
    dictionary_free(d);
    file_path(&p, &name, "keys.u64", path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 777 * 8);
    other = name;
    other.at[0] ^= 1;
    assert_status(snapshot_describe(host_real(), p.folder, &other, &facts, NULL, NULL), ABSENT);
    place_done(&p);
}

static void flip(const char *path, off_t at)
{
    uint8_t byte;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void test_damage(void **state)
{
    static const char *const files[] = {"manifest.json", "dictionary.json", "c0001.f64", "c0002.u8", "c0003.day", "persons.u32",
                                        "keys.u64"};
    struct place p;
    struct hash name;
    struct snapshot *s = NULL;
    (void)state;
    place_init(&p);
    for (size_t i = 0; i < COUNT_OF(files); i++)
        for (unsigned harm = 0; harm < 4; harm++) {
            char path[512];
            struct why why = {0};
            struct stat st;
            bool verify = harm != 1; /* lengths are checked even where contents are not */
            assert_ok(load(&p, host_real(), 1000, 0, &name, NULL));
            file_path(&p, &name, files[i], path);
            assert_int_equal(stat(path, &st), 0);
            if (harm == 0)
                flip(path, st.st_size / 2);
            else if (harm == 1)
                assert_int_equal(truncate(path, st.st_size - 1), 0);
            else if (harm == 2)
                assert_int_equal(truncate(path, st.st_size + 1), 0);
            else
                assert_int_equal(unlink(path), 0);
            /* without its manifest a snapshot is not there at all */
            assert_status(snapshot_open(host_real(), p.folder, &name, verify, &s, &why), i == 0 && harm == 3 ? ABSENT : BROKEN);
            if (i > 0 || harm < 3)
                assert_non_null(strstr(why.text, files[i]));
            assert_null(s);
        }
    place_done(&p);
}

static void test_current_damaged(void **state)
{
    struct place p;
    struct hash name;
    char path[256];
    (void)state;
    place_init(&p);
    assert_ok(load(&p, host_real(), 10, 0, &name, NULL));
    snprintf(path, sizeof path, "%s/current", p.folder);
    assert_int_equal(truncate(path, 10), 0);
    assert_status(snapshot_current(host_real(), p.folder, &name, NULL), BROKEN);
    assert_ok(load(&p, host_real(), 20, 0, &name, NULL)); /* and a load mends it */
    assert_in_force(&p, &name, 20);
    place_done(&p);
}

/* In a child, so that limits and deaths are its own. */
static int in_child(const struct place *p, unsigned rows, unsigned kill_at, rlim_t file_bytes_max)
{
    pid_t pid = fork();
    int status;
    assert_true(pid >= 0);
    if (pid == 0) {
        struct hash name;
        signal(SIGXFSZ, SIG_IGN);
        if (file_bytes_max)
            setrlimit(RLIMIT_FSIZE, &(struct rlimit){file_bytes_max, file_bytes_max});
        _exit((int)load(p, host_real(), rows, kill_at, &name, NULL).code);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void test_full_disk(void **state)
{
    struct place p;
    struct hash name;
    (void)state;
    place_init(&p);
    assert_ok(load(&p, host_real(), 10, 0, &name, NULL));
    /* no file may pass so many bytes: columns, dictionary, manifest and `current` meet it in turn */
    for (rlim_t max = 32; max <= 64 * 1024; max *= 2) {
        int status = in_child(&p, 30000, 0, max);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), UNAVAILABLE);
        assert_in_force(&p, &name, 10);
        assert_int_equal(snapshots_in(&p), 1); /* what was written is given back at once */
    }
    place_done(&p);
}

static void test_killed(void **state)
{
    static const unsigned at[] = {1, 2, 4097, 29999, 30001};
    struct place p;
    struct hash name;
    (void)state;
    place_init(&p);
    assert_ok(load(&p, host_real(), 10, 0, &name, NULL));
    for (size_t i = 0; i < COUNT_OF(at); i++) {
        int status = in_child(&p, 30000, at[i], 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_in_force(&p, &name, 10);
        assert_int_equal(snapshots_in(&p), 2); /* and a leftover, of another process's number each time */
    }
    assert_ok(load(&p, host_real(), 20, 0, &name, NULL));
    assert_in_force(&p, &name, 20);
    assert_int_equal(snapshots_in(&p), 2); /* the new and the former one; no leftovers */
    assert_ok(load(&p, host_real(), 30, 0, &name, NULL));
    assert_int_equal(snapshots_in(&p), 2);
    place_done(&p);
}

/* The n-th call into the world fails, for every n: a snapshot is in force all the time, the old or the new. */
static void test_torture(void **state)
{
    struct place p;
    struct hash name, last;
    (void)state;
    place_init(&p);
    assert_ok(load(&p, host_real(), 10, 0, &last, NULL));
    unsigned long n = 0;
    for (bool going = true; going; n++)
        for (int after = 0; after < 2; after++) { /* the call fails; or it is done and says that it failed */
            struct fault_host f;
            struct hash now;
            fault_host_init(&f, n);
            f.after = after;
            result r = load(&p, &f.host, 20, 0, &name, NULL);
            going = f.hit;
            assert_ok(snapshot_current(host_real(), p.folder, &now, NULL));
            bool changed = !hash_equal(&now, &last);
            assert_in_force(&p, &now, changed ? 20 : 10);
            assert_true(changed || !is_ok(r));
            assert_true(f.hit || is_ok(r));
            if (changed)
                assert_ok(load(&p, host_real(), 10, 0, &last, NULL));
        }
    assert_in_range(n, 8, 1000);
    place_done(&p);
}

static void test_lock(void **state)
{
    struct place p;
    struct snapshot_writer *w = NULL, *second = NULL;
    (void)state;
    place_init(&p);
    assert_ok(snapshot_begin(host_real(), p.folder, p.d, &w, NULL));
    assert_status(snapshot_begin(host_real(), p.folder, p.d, &second, NULL), AGAIN);
    assert_int_equal(snapshots_in(&p), 1);
    snapshot_writer_free(w);
    assert_int_equal(snapshots_in(&p), 0);
    assert_ok(snapshot_begin(host_real(), p.folder, p.d, &w, NULL));
    snapshot_writer_free(w);
    place_done(&p);
}

/* A level or a person that is not there would send a kernel astray; it is found when the snapshot is opened. */
static void test_out_of_range(void **state)
{
    struct place p;
    struct snapshot_writer *w = NULL;
    struct snapshot *s = NULL;
    struct hash name;
    struct why why = {0};
    (void)state;
    place_init(&p);
    for (unsigned bad = 0; bad < 2; bad++) {
        double age = 1;
        uint8_t sex = bad ? 2 : 3;
        int32_t seen = 0;
        uint32_t person = bad ? 1 : 0;
        uint64_t key = 7;
        assert_ok(snapshot_begin(host_real(), p.folder, p.d, &w, NULL));
        assert_ok(snapshot_add(w, 1, &age, 1, NULL));
        assert_ok(snapshot_add(w, 2, &sex, 1, NULL));
        assert_ok(snapshot_add(w, 3, &seen, 1, NULL));
        assert_ok(snapshot_add_persons(w, &person, 1, NULL));
        assert_ok(snapshot_add_keys(w, &key, 1, NULL));
        assert_ok(snapshot_commit(w, 1, 1, &name, NULL));
        snapshot_writer_free(w);
        assert_status(snapshot_open(host_real(), p.folder, &name, true, &s, &why), BROKEN);
        assert_non_null(strstr(why.text, bad ? "persons.u32" : "c0002.u8"));
    }
    place_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe),  cmocka_unit_test(test_damage), cmocka_unit_test(test_current_damaged),
        cmocka_unit_test(test_full_disk), cmocka_unit_test(test_killed), cmocka_unit_test(test_torture),
        cmocka_unit_test(test_lock),      cmocka_unit_test(test_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
