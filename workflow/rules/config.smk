# Reads config.yaml once before Snakemake does, whose own words name neither the file nor the line.

import sys

import yaml

try:
    yaml.safe_load((PROJECT / "config.yaml").read_text(encoding="utf-8"))
except (yaml.YAMLError, UnicodeDecodeError) as error:
    mark = getattr(error, "problem_mark", None)
    line = f", line {mark.line + 1}," if mark else ""
    sys.exit(f"lampflux: {PROJECT / 'config.yaml'}{line} is not YAML in UTF-8; mend it.")
