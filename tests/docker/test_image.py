"""The image runs as a user that a cluster can judge, with a data folder for any user of group 0."""
import pathlib
import re

DOCKERFILE = (pathlib.Path(__file__).resolve().parents[2] / "docker/Dockerfile").read_text()


def test_the_user_is_a_number_and_not_root():
    user = re.search(r"^USER (.*)$", DOCKERFILE, re.M)[1]
    assert re.fullmatch(r"[1-9]\d*:0", user), user


def test_group_0_may_write_the_data_folder_and_others_may_not():
    folder = re.search(r"install -d -o (\d+) -g 0 -m 0(\d{3}) /var/lib/flashsale$", DOCKERFILE, re.M)
    assert folder and folder[2] == "770", folder
    assert f"\nUSER {folder[1]}:0\n" in DOCKERFILE
