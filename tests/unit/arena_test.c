/* Aim: the ceiling holds to the byte, memory comes zeroed and aligned, also after it was used before. */
#include "base/arena.h"
#include "check.h"

static void keeps_the_ceiling(void **state)
{
    (void)state;
    struct arena a CLEANUP(arena_done);
    arena_init(&a, 64);
    assert_non_null(arena_take(&a, 48));
    assert_null(arena_take(&a, 17));
    assert_non_null(arena_take(&a, 16));
    assert_null(arena_take(&a, 0));
    assert_int_equal(a.used, 64);
    arena_clear(&a);
    assert_non_null(arena_take(&a, 64));
    assert_null(arena_take(&a, SIZE_MAX));
    assert_null(arena_take_many(&a, SIZE_MAX / 2, 3));
}

static void gives_zeroed_aligned_memory(void **state)
{
    (void)state;
    struct arena a CLEANUP(arena_done);
    arena_init(&a, 1 << 20);
    for (int round = 0; round < 3; round++) {
        for (size_t size = 1; size < 40000; size = size * 3 + 1) {
            uint8_t *at = arena_take(&a, size);
            assert_non_null(at);
            assert_int_equal((uintptr_t)at % _Alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(at[i], 0);
            memset(at, 0xAA, size);
        }
        arena_clear(&a);
        assert_int_equal(a.used, 0);
    }
}

static void copies_text(void **state)
{
    (void)state;
    struct arena a CLEANUP(arena_done);
    arena_init(&a, 32);
    assert_string_equal(arena_str(&a, slice_of("heart-ck", 5)), "heart");
    assert_string_equal(arena_printf(&a, "%s:%d", "age", 40), "age:40");
    assert_null(arena_str(&a, slice_str("")));
    assert_null(arena_printf(&a, "x"));
    struct arena none = {0};
    assert_null(arena_take(&none, 1));
    arena_done(&none);
    arena_done(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_ceiling),
        cmocka_unit_test(gives_zeroed_aligned_memory),
        cmocka_unit_test(copies_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
