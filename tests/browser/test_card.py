"""What %assume_role shows in a real JupyterLab, in both themes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from stsnb.demo import ARCHIVE_ROLE_ARN, PAYROLL_ROLE_ARN, ROLE_ARN, EmbeddedAWS
from tests.browser.jupyter import JupyterServer
from tests.browser.notebook import Notebook, Theme

CELLS = (
    "%load_ext stsnb",
    f"%assume_role {ROLE_ARN} RoleSession1",
    "import boto3; boto3.client('sts').get_caller_identity()['Arn']",
    f"%assume_role {PAYROLL_ROLE_ARN}",
    "%assume_role role-for-s3-fileserver 'Role Session 1' --duration-seconds 60",
    f"%%assume_role {ARCHIVE_ROLE_ARN}\n%current_role",
    "%drop_role",
)


@pytest.fixture(scope="module")
def jupyter(embedded_aws: EmbeddedAWS, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """JupyterLab for the user myid of the embedded AWS."""
    with JupyterServer(tmp_path_factory.mktemp("card"), embedded_aws.environment) as server:
        yield server


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_card_shows_who_and_until_when_in_the_themes_colours(
    jupyter: JupyterServer, notebook: Notebook, theme: Theme
) -> None:
    jupyter.write("card.ipynb", *CELLS)
    notebook.page.set_viewport_size({"width": 1000, "height": 1000})
    notebook.open("card.ipynb", theme=theme)
    for cell in range(len(CELLS)):
        notebook.run(cell)

    card = notebook.output(1).locator(".stsnb-card")
    expect(card).to_contain_text("role-for-s3-fileserver")
    expect(card).to_contain_text("123456789012 · RoleSession1 · ap-northeast-2")
    expect(card).to_contain_text("UTC")
    expect(notebook.output(2)).to_contain_text("assumed-role/role-for-s3-fileserver/RoleSession1")
    expect(notebook.output(3)).to_contain_text("role-for-payroll does not let you in")
    expect(notebook.output(3)).to_contain_text('"AWS": "arn:aws:iam::123456789012:user/myid"')
    expect(notebook.output(4)).to_contain_text("has a space in it")
    expect(notebook.output(5).locator(".stsnb-card")).to_contain_text("role-for-archive")
    expect(notebook.output(6)).to_contain_text("Dropped role-for-s3-fileserver")
    shown = [text for cell in range(len(CELLS)) for text in notebook.output(cell).all_text_contents()]
    assert not [text for text in shown if "Traceback" in text]
    assert _contrast(card.evaluate(_COLOURS)) >= 4.5  # WCAG 2.1, success criterion 1.4.3
    notebook.screenshot(f"card-{theme}")
    assert notebook.errors == []


_COLOURS = """card => {
    const rgb = colour => colour.match(/[\\d.]+/g).map(Number)
    const page = rgb(getComputedStyle(card).backgroundColor)
    const quiet = rgb(getComputedStyle(card.querySelector('span')).color)
    const alpha = quiet.length > 3 ? quiet[3] : 1
    return [page.slice(0, 3), quiet.slice(0, 3).map((part, i) => part * alpha + page[i] * (1 - alpha))]
}"""


def _contrast(colours: list[list[float]]) -> float:
    def luminance(rgb: list[float]) -> float:
        parts = [part / 255 for part in rgb]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted(map(luminance, colours), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)
