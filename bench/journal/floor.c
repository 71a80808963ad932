/*
 * The floor: what the disk allows. Writes the given records in turn to the end of a growing file, each followed by
 * one fdatasync, for so many milliseconds. Prints the number of records and the nanoseconds they took.
 *
 *   floor <file> <milliseconds> <bytes of a record>...
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_RECORDS = 16, LARGEST_RECORD = 1 << 20 };

static long long now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int fail(const char *what) {
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  return 1;
}

int main(int count, char **words) {
  static char bytes[LARGEST_RECORD];
  int records = count - 3;
  if (records < 1 || records > MOST_RECORDS) {
    fprintf(stderr, "usage: floor <file> <milliseconds> <bytes of a record>...\n");
    return 2;
  }
  memset(bytes, 'x', sizeof bytes);
  int file = open(words[1], O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file < 0) return fail("open");
  long long budget = atoll(words[2]) * 1000000LL;
  long long done = 0, start = now_ns(), end = start;
  while (end - start < budget) {
    size_t length = strtoul(words[3 + done % records], NULL, 10);
    if (length == 0 || length > sizeof bytes) return fail("length");
    bytes[length - 1] = '\n';
    if (write(file, bytes, length) != (ssize_t)length) return fail("write");
    bytes[length - 1] = 'x';
    if (fdatasync(file) != 0) return fail("fdatasync");
    done += 1;
    end = now_ns();
  }
  printf("%lld %lld\n", done, end - start);
  return 0;
}
