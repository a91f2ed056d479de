/* plugin_files.h - where the tests' plugins lie (tests/support/plugins), beside the test's program.
 */
#ifndef TESTS_SUPPORT_PLUGIN_FILES_H
#define TESTS_SUPPORT_PLUGIN_FILES_H

/* Path of BUILD/tests/plugins/NAME.so. Lent: the last 8 stay valid. */
const char *plugin_file(const char *name);

#endif
