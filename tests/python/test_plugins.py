"""Plugins of the library, loaded from Python."""

import os
import subprocess
import unittest

import support
from karma import KarmaError
from karma.plugins import list_plugins, load_plugin
from karma.registries import model_registry
from karma.registries.metrics_registry import get_metric
from test_library import compiler

SOURCE = r"""
#define KARMA_BUILDING_PLUGIN
#include <karma/plugin.h>
#include <string.h>

static karma_status same_length(void *state, const char *p, const char *r, double *score) {
    (void)state;
    *score = strlen(p) == strlen(r);
    return KARMA_OK;
}
static const karma_metric_class metric = {
    .abi_version = KARMA_METRIC_ABI, .struct_size = sizeof(metric),
    .info = {.name = "same_length", .description = "as long as the reference"},
    .zero_one = true, .score = same_length};

static karma_status shout(karma_model *m, karma_output *o) {
    (void)m;
    return karma_output_set_text(o, "LOUD", 4);
}
static const karma_model_class loud = {
    .abi_version = KARMA_CLASS_ABI, .struct_size = sizeof(loud), .name = "LoudModel",
    .postprocess = shout};
static const karma_model_meta meta = {
    .name = "plugin/loud", .loader_class = "some.module.LoudModel",
    .model_type = KARMA_TEXT_GENERATION};

static const karma_metric_class *const metrics[] = {&metric, NULL};
static const karma_model_class *const classes[] = {&loud, NULL};
static const karma_model_meta *const metas[] = {&meta, NULL};
static const karma_plugin plugin = {
    .abi_version = KARMA_PLUGIN_ABI, .struct_size = sizeof(plugin), .name = "from-python",
    .version = "1", .classes = classes, .metas = metas, .metrics = metrics};
const karma_plugin *karma_plugin_entry(uint32_t host_abi) {
    return host_abi == KARMA_PLUGIN_ABI ? &plugin : NULL;
}
"""


class Plugins(support.Case):
    @unittest.skipUnless(compiler(), "no C compiler here")
    def test_what_a_plugin_brings_is_there(self):
        self.assertFalse(model_registry.is_registered("plugin/loud"))
        source, path = os.path.join(self.dir, "p.c"), os.path.join(self.dir, "p.so")
        with open(source, "w", encoding="utf-8") as f:
            f.write(SOURCE)
        include = os.path.join(support.ROOT, "include")
        command = [compiler(), "-shared", "-fPIC", "-I", include, "-o", path, source]
        subprocess.run(command, check=True)
        load_plugin(path)
        load_plugin(path)
        self.assertEqual([p["name"] for p in list_plugins()], ["from-python"])
        self.assertEqual(get_metric("same_length").add("abc", "xyz"), 1.0)
        loud = model_registry.get_model_meta("plugin/loud").get_loader_class()
        model = loud(support.DEMO, max_tokens=2)
        self.assertEqual(type(model).__name__, "LoudModel")
        self.assertEqual(model.run("hi"), "LOUD")

    def test_one_that_is_none_is_an_error_that_names_it(self):
        path = os.path.join(self.dir, "none.so")
        with open(path, "w", encoding="utf-8") as f:
            f.write("no library")
        with self.assertRaisesRegex(KarmaError, "none.so"):
            load_plugin(path)


if __name__ == "__main__":
    unittest.main()
