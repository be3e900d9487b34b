"""Rebuilds src/logo/label_font.txt, the outlines of the axis labels.

Needs fontTools and Roboto-Regular.ttf of Debian's fonts-roboto-unhinted (Apache-2.0, Copyright 2015 Google Inc.):
    python3 label_font.py Roboto-Regular.ttf > ../src/logo/label_font.txt
One line a character: the character, a tab, its advance, a tab, its outline. Units are 1/1000 of the font size, y grows
downwards, and every command is relative, so that a glyph is placed by one absolute move before it.
"""
import sys
from fontTools.pens.basePen import BasePen
from fontTools.ttLib import TTFont

CHARACTERS = [chr(c) for c in range(32, 127)] + list("−–×±µΔ°′·…")


class Relative(BasePen):
    def __init__(self, glyphs, scale):
        super().__init__(glyphs)
        self.scale, self.at, self.start, self.out = scale, (0, 0), (0, 0), []

    def _to(self, command, *points):
        points = [(round(x * self.scale), round(-y * self.scale)) for x, y in points]
        text = " ".join(f"{x - self.at[0]} {y - self.at[1]}" for x, y in points)
        self.out.append(command + text)
        self.at = points[-1]

    def _moveTo(self, p):
        self._to("m", p)
        self.start = self.at

    def _lineTo(self, p):
        self._to("l", p)

    def _qCurveToOne(self, c, p):
        self._to("q", c, p)

    def _closePath(self):
        self.out.append("z")
        self.at = self.start


font = TTFont(sys.argv[1])
glyphs, names, scale = font.getGlyphSet(), font.getBestCmap(), 1000 / font["head"].unitsPerEm
for character in CHARACTERS:
    if ord(character) not in names:
        sys.exit(f"no glyph for {character!r}")
    glyph = glyphs[names[ord(character)]]
    pen = Relative(glyphs, scale)
    glyph.draw(pen)
    print(f"{character}\t{round(glyph.width * scale)}\t{''.join(pen.out).replace(' -', '-')}")
