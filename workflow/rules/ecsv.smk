# Any table of results with units and meanings in the file: snakemake results/lamps/Photron_ThAr_Red.ecsv


rule write_ecsv:
    input:
        csv="<results>/{folder}/{table}.csv",
    output:
        ecsv="<results>/{folder}/{table}.ecsv",
    log:
        "<results>/logs/ecsv/{folder}/{table}.log",
    wildcard_constraints:
        folder="[^/]+",
        table="[^/]+",
    conda:
        "../../environment.yml"
    params:
        code=code_of("ecsv"),
    message:
        "{wildcards.folder}/{wildcards.table}: write units and meanings with the table"
    script:
        "../scripts/ecsv.py"
