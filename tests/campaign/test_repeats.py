from lampflux.campaign.repeats import pairs_of_repeats

RAW = "resources/raw"


def test_exposures_of_one_lamp_arm_and_time_are_paired_and_none_twice(campaign):
    names = [
        *(f"GS_Ne_Red_1s_{number:02d}" for number in range(1, 6)),
        "GS_Ne_Red_2s_01",
        "GS_Ar_Red_1s_01",
        "GS_Ne_Blue_1s_01",
        *(f"Newport_Ne_Red_1s_{number:02d}" for number in (1, 2)),
    ]
    made = campaign(*(f"{RAW}/{name}.fits" for name in names))
    pairs = pairs_of_repeats(made.exposures_in("Red"))
    assert [(one.stem, other.stem) for one, other in pairs] == [
        ("GS_Ne_Red_1s_01", "GS_Ne_Red_1s_02"),
        ("GS_Ne_Red_1s_03", "GS_Ne_Red_1s_04"),
        ("Newport_Ne_Red_1s_01", "Newport_Ne_Red_1s_02"),
    ]
