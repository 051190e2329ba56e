"""The colours a thing can be painted in, and the shades that follow from each."""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[int, int, int]

INK: Colour = (52, 48, 58)
CREAM: Colour = (255, 248, 235)
GLASS: Colour = (205, 232, 244)
ROSE: Colour = (244, 160, 170)


@dataclass(frozen=True, kw_only=True)
class Paint:
    """A named colour with the Chinese word for it and the two shades used for shape."""

    name: str
    chinese: str
    main: Colour

    @property
    def deep(self) -> bool:
        """So dark that ink would not show on it: its shades are then lighter than itself."""
        return sum(self.main) < sum(INK)

    @property
    def dark(self) -> Colour:
        return mix(self.main, CREAM, share=0.24) if self.deep else mix(self.main, INK, share=0.32)

    @property
    def light(self) -> Colour:
        return mix(self.main, CREAM, share=0.42 if self.deep else 0.5)

    @property
    def outline(self) -> Colour:
        return mix(self.main, CREAM, share=0.6) if self.deep else mix(self.main, INK, share=0.72)

    @property
    def ink(self) -> Colour:
        """For thin lines and dots on this paint."""
        return mix(CREAM, INK, share=0.15) if self.deep else INK


def mix(colour: Colour, other: Colour, *, share: float) -> Colour:
    """Blend two colours; `share` 0 keeps the first, 1 gives the other."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


PAINTS: dict[str, Paint] = {
    paint.name: paint
    for paint in (
        Paint(name="red", chinese="红色", main=(222, 62, 62)),
        Paint(name="orange", chinese="橙色", main=(242, 143, 52)),
        Paint(name="yellow", chinese="黄色", main=(250, 208, 62)),
        Paint(name="green", chinese="绿色", main=(78, 170, 92)),
        Paint(name="blue", chinese="蓝色", main=(62, 120, 214)),
        Paint(name="purple", chinese="紫色", main=(142, 92, 190)),
        Paint(name="pink", chinese="粉色", main=(246, 150, 184)),
        Paint(name="white", chinese="白色", main=(244, 244, 246)),
        Paint(name="black", chinese="黑色", main=(42, 40, 47)),
        Paint(name="gray", chinese="灰色", main=(138, 141, 148)),
        Paint(name="brown", chinese="棕色", main=(136, 84, 46)),
        Paint(name="cyan", chinese="青色", main=(46, 204, 204)),
    )
}
