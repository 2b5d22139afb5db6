/* form_files.h - the forms' texts, as policy/forms/embed.py builds them in.  For policy/form.c alone. */
#ifndef INNSYN_POLICY_FORM_FILES_H
#define INNSYN_POLICY_FORM_FILES_H

struct form_file {
    const char *name, *text;
};
extern const struct form_file form_files[];
extern const unsigned form_file_count;

#endif
