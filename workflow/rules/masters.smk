# Combine several darks or biases of one kind, and scale darks of another exposure time.


rule make_master:
    input:
        darks=lambda wildcards: [*map(fetched, campaign.masters[wildcards.master].darks)],
        biases=lambda wildcards: [*map(fetched, campaign.masters[wildcards.master].biases)],
        bad_pixels=lambda wildcards: master_arm_of(wildcards)["frame"].get("bad_pixels", []),
    output:
        fits=temp("<results>/masters/{master}.fits"),
    log:
        "<results>/logs/masters/{master}.log",
    wildcard_constraints:
        master="(Dark|Bias)_[^/]+",
    conda:
        "../../environment.yml"
    params:
        code=code_of("masters"),
        dark_seconds=lambda wildcards: campaign.masters[wildcards.master].dark_seconds,
        seconds=lambda wildcards: campaign.masters[wildcards.master].seconds,
        spatial_axis=lambda wildcards: master_arm_of(wildcards)["spatial_axis"],
        layout=lambda wildcards: master_arm_of(wildcards)["frame"],
        table=config["exposures"],
    message:
        "{wildcards.master}: combine darks and biases"
    script:
        "../scripts/masters.py"
