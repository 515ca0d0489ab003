package tutti.common.token.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What a call hands over: values by place, and values by name. */
record Args(List<Object> list, Map<String, Object> named) {
    static final Args NONE = new Args(List.of(), Map.of());

    /** Not handed over: the default counts. */
    static final Object MISSING = new Object();

    /**
     * Every value at the place of its parameter, {@link #MISSING} where there is none.
     *
     * @param signature names of the parameters, with {@code ?} behind an optional one; {@code /} first: by place only
     */
    Args bind(String function, String signature) {
        boolean placeOnly = signature.startsWith("/");
        String[] names = signature.isEmpty() || signature.equals("/")
                ? new String[0]
                : signature.substring(placeOnly ? 1 : 0).split(" ");
        if (placeOnly && !named.isEmpty()) {
            throw JinjaError.of("%s() takes no keyword arguments", function);
        }
        String plain = function.substring(function.indexOf('.') + 1);
        if (placeOnly) {
            long needed = java.util.Arrays.stream(names)
                    .filter(name -> !name.endsWith("?"))
                    .count();
            if (list.size() < needed) {
                throw JinjaError.of(
                        "%s expected at least %d argument%s, got %d",
                        plain, needed, needed == 1 ? "" : "s", list.size());
            }
        }
        if (list.size() > names.length) {
            throw JinjaError.of("%s() takes at most %d arguments (%d given)", plain, names.length, list.size());
        }
        List<Object> bound = new ArrayList<>(list);
        int used = 0;
        for (int i = 0; i < names.length; i++) {
            boolean optional = names[i].endsWith("?");
            String name = optional ? names[i].substring(0, names[i].length() - 1) : names[i];
            boolean isNamed = named.containsKey(name);
            used += isNamed ? 1 : 0;
            if (i < list.size()) {
                if (isNamed) {
                    throw JinjaError.of("%s() got multiple values for argument '%s'", plain, name);
                }
            } else if (isNamed) {
                bound.add(named.get(name));
            } else if (optional) {
                bound.add(MISSING);
            } else {
                throw JinjaError.of("%s() missing 1 required positional argument: '%s'", plain, name);
            }
        }
        if (used < named.size()) {
            String unknown = named.keySet().stream()
                    .filter(name ->
                            !List.of(signature.replace("?", "").split(" ")).contains(name))
                    .findFirst()
                    .orElseThrow();
            throw JinjaError.of("%s() got an unexpected keyword argument '%s'", plain, unknown);
        }
        return new Args(bound, Map.of());
    }

    Object at(int place) {
        return list.get(place);
    }

    boolean has(int place) {
        return place < list.size() && list.get(place) != MISSING;
    }

    Object or(int place, Object fallback) {
        return has(place) ? at(place) : fallback;
    }

    boolean flag(int place, boolean fallback) {
        return has(place) ? Kinds.truth(at(place)) : fallback;
    }

    Args skip(int count) {
        return new Args(list.subList(count, list.size()), named);
    }
}
