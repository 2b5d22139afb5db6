/* Aim: what is written is read back, and a message cut anywhere is refused without moving the reader. */
#include "base/wire.h"
#include "check.h"

static bool read_all(struct reader *r)
{
    uint8_t a;
    uint16_t b;
    uint32_t c;
    uint64_t d;
    int64_t e;
    double f;
    struct slice g, h;
    return reader_u8(r, &a) && a == 0xA1 && reader_u16(r, &b) && b == 0xB1B2 && reader_u32(r, &c) &&
           c == 0xC1C2C3C4 && reader_u64(r, &d) && d == UINT64_MAX - 1 && reader_i64(r, &e) && e == INT64_MIN &&
           reader_double(r, &f) && f == -1.5 && reader_bytes(r, 5, &g) && slice_is(g, "heart") &&
           reader_bytes(r, 0, &h) && h.len == 0 && reader_ends(r);
}

static void write_all(struct buffer *b)
{
    buffer_init(b, 1024);
    assert_ok(wire_u8(b, 0xA1, NULL));
    assert_ok(wire_u16(b, 0xB1B2, NULL));
    assert_ok(wire_u32(b, 0xC1C2C3C4, NULL));
    assert_ok(wire_u64(b, UINT64_MAX - 1, NULL));
    assert_ok(wire_i64(b, INT64_MIN, NULL));
    assert_ok(wire_double(b, -1.5, NULL));
    assert_ok(wire_str(b, "heart", NULL));
    assert_ok(wire_bytes(b, slice_of(NULL, 0), NULL));
}

static void round_trip_and_every_cut(void **state)
{
    (void)state;
    struct buffer b CLEANUP(buffer_done) = {0};
    write_all(&b);
    struct reader r = reader_of(buffer_slice(&b));
    assert_true(read_all(&r));
    for (size_t len = 0; len < b.len; len++) {
        r = reader_of(slice_of(b.at, len));
        assert_false(read_all(&r));
    }
    assert_ok(wire_u8(&b, 0, NULL));
    r = reader_of(buffer_slice(&b));
    assert_false(read_all(&r)); /* something left over */
    assert_memory_equal(b.at, "\xa1\xb1\xb2\xc1\xc2\xc3\xc4", 7); /* big-endian */
}

static void failure_moves_nothing(void **state)
{
    (void)state;
    struct slice five = slice_of("\0\0\0\2xy", 6), got = {0};
    struct reader r = reader_of(five);
    assert_false(reader_bytes(&r, 1, &got)); /* over the caller's maximum */
    assert_int_equal(r.rest.len, 6);
    assert_true(reader_bytes(&r, 2, &got));
    assert_slice(got, "xy");
    r = reader_of(slice_of("\0\0\0\3xy", 6));
    assert_false(reader_bytes(&r, 99, &got)); /* longer than the message */
    assert_int_equal(r.rest.len, 6);
    r = reader_of(slice_of("\xff\xff\xff\xff", 4));
    assert_false(reader_bytes(&r, SIZE_MAX, &got));
    uint64_t v = 42;
    assert_false(reader_u64(&r, &v));
    assert_int_equal(v, 42);
    assert_int_equal(r.rest.len, 4);
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, 8);
    assert_status(wire_str(&b, "heart", NULL), LIMIT);
    assert_int_equal(b.len, 0);
    assert_ok(wire_str(&b, "hear", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip_and_every_cut),
        cmocka_unit_test(failure_moves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
