# Reads config.yaml before Snakemake does: its own words name neither the file nor the line, and a
# workflow that uses this one as a module may give only the keys that it changes.

import sys

import yaml

try:
    DEFAULTS = yaml.safe_load((PROJECT / "config.yaml").read_text(encoding="utf-8"))
except (yaml.YAMLError, UnicodeDecodeError) as error:
    mark = getattr(error, "problem_mark", None)
    line = f", line {mark.line + 1}," if mark else ""
    sys.exit(f"lampflux: {PROJECT / 'config.yaml'}{line} is not YAML in UTF-8; mend it.")
