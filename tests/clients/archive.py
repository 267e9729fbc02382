"""Archives of one file, the same for the same text."""

import io
import zipfile


def zipped(name, text):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o644 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, text)
    return buffer.getvalue()
