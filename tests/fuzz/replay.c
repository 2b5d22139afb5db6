/* Runs a fuzz target over the files of a folder: the seeds and every past finding, as an ordinary test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { INPUT_MAX = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    static uint8_t data[INPUT_MAX];
    unsigned count = 0;
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (!folder) {
        fprintf(stderr, "usage: replay FOLDER\n");
        return 2;
    }
    for (struct dirent *e; (e = readdir(folder));) {
        char path[1024];
        int len = snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
        FILE *f = e->d_name[0] != '.' && len > 0 && (size_t)len < sizeof path ? fopen(path, "rb") : NULL;
        if (!f)
            continue;
        size_t size = fread(data, 1, sizeof data, f);
        fclose(f);
        /* An exact copy, so that a sanitizer sees a step beyond its end. */
        uint8_t *exact = malloc(size + !size);
        if (!exact)
            return 2;
        for (size_t i = 0; i < size; i++)
            exact[i] = data[i];
        (void)LLVMFuzzerTestOneInput(exact, size);
        free(exact);
        count++;
    }
    closedir(folder);
    printf("%u inputs\n", count);
    return count ? 0 : 1;
}
