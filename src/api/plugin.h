/* plugin.h (internal) - which plugin a class comes from; karma/plugin.h is the public half. */
#ifndef API_PLUGIN_H
#define API_PLUGIN_H

#include "base/json.h"
#include "karma/model_class.h"

/* The name of the plugin that cls or the nearest of its bases comes from; NULL: from none. Lent for
 * the process's life. */
const char *plugin_of_class(const karma_model_class *cls);
/* The last failure as one of the class: "plugin example: class X: message", or "class X: message"
 * for a class of no plugin. */
karma_status plugin_prefix(karma_status st, const karma_model_class *cls);
/* Set "plugins" of object to the names, versions and digests of those that cls and its bases come
 * from, if there are any: an answer of theirs depends on their code. */
karma_status plugin_identity(struct arena *a, const karma_model_class *cls, struct json *object);

#endif
