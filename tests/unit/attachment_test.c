/*
 * Aim: what may be attached is told by its content; a name says nothing that the content does not, and never a path.
 * Method: a table of contents and names, both sides of each rule, against the built-in forms.
 */
#include "check.h"

#include "policy/attachment.h"
#include "policy/form.h"

#define DOCX_PARTS "PK\3\4....[Content_Types].xml....word/document.xml....PK\5\6end of the directory"
#define XLSX_PARTS "PK\3\4....[Content_Types].xml....xl/workbook.xml....PK\5\6end"
#define BYTES(text) {(const uint8_t *)(text), sizeof(text) - 1}
#define DOCX "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
#define XLSX "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

static const struct {
    const char *what;
    struct slice content;
    const char *type; /* NULL: none that is taken */
} contents[] = {
    {"pdf", BYTES("%PDF-1.7\n1 0 obj\nendobj\n%%EOF\n"), "application/pdf"},
    {"pdf cut off", BYTES("%PDF-1.7\n1 0 obj\n"), NULL},
    {"pdf behind a blank", BYTES(" %PDF-1.7\n%%EOF"), "text/plain"},
    {"png", BYTES("\x89PNG\r\n\x1a\n....IHDR....IEND\xae\x42\x60\x82"), "image/png"},
    {"png cut off", BYTES("\x89PNG\r\n\x1a\n....IHDR...................."), NULL},
    {"jpeg", BYTES("\xff\xd8\xff\xe0..JFIF..\xff\xd9"), "image/jpeg"},
    {"jpeg with something behind it", BYTES("\xff\xd8\xff\xe0..JFIF..\xff\xd9MZ"), NULL},
    {"docx", BYTES(DOCX_PARTS), DOCX},
    {"xlsx", BYTES(XLSX_PARTS), XLSX},
    {"docx with macros", BYTES("PK\3\4..[Content_Types].xml..word/document.xml..word/vbaProject.bin..PK\5\6"), NULL},
    {"a plain zip", BYTES("PK\3\4....holiday.jpg....PK\5\6"), NULL},
    {"docx without its end", BYTES("PK\3\4..[Content_Types].xml..word/document.xml"), NULL},
    {"text", BYTES("Dear unit,\n\tæøå.\n"), "text/plain"},
    {"a table", BYTES("\xef\xbb\xbfsite,count\nalpha,3\n"), "text/plain"},
    {"nothing", BYTES(""), NULL},
    {"text with NUL", BYTES("a\0b"), NULL},
    {"text with an escape", BYTES("\x1b[2Jgone"), NULL},
    {"latin-1", BYTES("bl\xe5" "b\xe6r"), NULL},
    {"html", BYTES(" \n<!DOCTYPE html><script>1</script>"), NULL},
    {"html in capitals", BYTES("<HTML><body>"), NULL},
    {"svg", BYTES("<svg onload=alert(1)>"), NULL},
    {"xml", BYTES("<?xml version=\"1.0\"?>"), NULL},
    {"html behind a byte order mark", BYTES("\xef\xbb\xbf<html>"), NULL},
    {"a script", BYTES("#!/bin/sh\nrm -rf /\n"), NULL},
    {"a program", BYTES("\x7f" "ELF\2\1\1"), NULL},
    {"a windows program", BYTES("MZ\x90\0\3"), NULL},
    {"gif", BYTES("GIF89a\x01\x00\x01\x00"), NULL},
};

static void types_are_told_by_content(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(contents); i++) {
        const char *type = attachment_type(contents[i].content);
        if ((type == NULL) != (contents[i].type == NULL) || (type && strcmp(type, contents[i].type) != 0))
            fail_msg("%s: %s, not %s", contents[i].what, type ? type : "none", contents[i].type ? contents[i].type : "none");
    }
}

static void names_say_what_the_content_is(void **state)
{
    (void)state;
    static const struct slice pdf = BYTES("%PDF-1.7\n%%EOF"), text = BYTES("hello"), jpeg = BYTES("\xff\xd8\xff\xe0\xff\xd9");
    static const struct {
        const char *name;
        const struct slice *content;
        bool good;
    } rows[] = {
        {"plan.pdf", &pdf, true}, {"PLAN.PDF", &pdf, true}, {"datahåndteringsplan v2.pdf", &pdf, true}, {"a.jpg", &jpeg, true}, {"a.jpeg", &jpeg, true},
        {"notes.txt", &text, true}, {"table.csv", &text, true}, {"read.md", &text, true},
        {"plan.txt", &pdf, false}, {"plan.pdf", &text, false}, {"plan.pdf", &jpeg, false}, {"plan", &pdf, false}, {".pdf", &pdf, false}, {"plan.pdf.exe", &pdf, false},
        {"plan.exe", &pdf, false}, {"plan.html", &text, false}, {"", &pdf, false},
        {"../plan.pdf", &pdf, false}, {"..\\plan.pdf", &pdf, false}, {"/etc/plan.pdf", &pdf, false}, {"a/b.pdf", &pdf, false}, {"a..pdf", &pdf, false},
        {".hidden.pdf", &pdf, false}, {" plan.pdf", &pdf, false}, {"plan.pdf ", &pdf, false}, {"plan.pdf.", &pdf, false}, {"C:plan.pdf", &pdf, false},
        {"plan\n.pdf", &pdf, false}, {"plan\x7f.pdf", &pdf, false}, {"plan\x1b[2J.pdf", &pdf, false}, {"pl*n.pdf", &pdf, false}, {"<plan>.pdf", &pdf, false},
        {"fdp.\xe2\x80\xaexe.pdf", &pdf, false}, {"a\xe2\x81\xa6.pdf", &pdf, false}, {"\xff.pdf", &pdf, false},
        {"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567.pdf", &pdf, false},
        {"01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345.pdf", &pdf, true},
    };
    for (unsigned k = 0; k < form_count(); k++) {
        struct json *form CLEANUP(json_freep) = NULL;
        assert_ok(form_open(slice_str(form_name(k)), &form, NULL));
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            const char *type = NULL;
            struct why why = {0};
            result r = attachment_check(form, slice_str(rows[i].name), *rows[i].content, &type, &why);
            if ((r.code == OK) != rows[i].good)
                fail_msg("'%s': %s %s", rows[i].name, status_name(r.code), why.text);
            if (r.code != OK)
                assert_int_equal(r.code, MALFORMED);
        }
    }
}

/* A form that takes fewer types and smaller files, and one that takes none. */
static void the_form_sets_the_limits(void **state)
{
    (void)state;
    static const struct slice pdf = BYTES("%PDF-1.7\n%%EOF"), text = BYTES("hello");
    struct json *form CLEANUP(json_freep) = NULL, *none CLEANUP(json_freep) = NULL;
    const char *type = NULL;
    assert_ok(json_parse(slice_str("{\"attachments\":{\"count\":1,\"bytes\":14,\"types\":[\"application/pdf\"]}}"), 1000, &form, NULL));
    assert_ok(json_parse(slice_str("{}"), 1000, &none, NULL));
    assert_int_equal(pdf.len, 14);
    assert_ok(attachment_check(form, slice_str("a.pdf"), pdf, &type, NULL));
    assert_string_equal(type, "application/pdf");
    static const struct slice longer = BYTES("%PDF-1.7\n%%EOF\n");
    assert_status(attachment_check(form, slice_str("a.pdf"), longer, &type, NULL), LIMIT);
    assert_status(attachment_check(form, slice_str("a.txt"), text, &type, NULL), MALFORMED);
    assert_status(attachment_check(none, slice_str("a.pdf"), pdf, &type, NULL), LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_told_by_content),
        cmocka_unit_test(names_say_what_the_content_is),
        cmocka_unit_test(the_form_sets_the_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
