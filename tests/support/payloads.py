"""Read the packed data of a page, as template/charts/unpack.js does."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode
from typing import Any

from descentlab.report.drawing.payload import GZIP


def header(page: str) -> dict[str, Any]:
    """Return the header of the charts' data in the HTML of a page: figures, sections, colours."""
    found = re.search(r'id="charts-data">([^<]*)<', page)
    assert found, "the page has no charts"
    content = zlib.decompress(b64decode(found[1]), GZIP)
    return json.loads(content[4 : 4 + int.from_bytes(content[:4], "little")])
