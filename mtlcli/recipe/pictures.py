"""The tables of a recipe about pictures: what the network sees, and how they are changed."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from mtlcli.recipe.tables import Strict
from mtlcli.recipe.values import Crop, Enlarging, Fraction, NonNegative, Positive, Size


class InputSpec(Strict):
    """What the network sees; stored in every checkpoint."""

    model_config = ConfigDict(validate_default=True)

    size: Size = 128
    """Pixels a side, or ``[height, width]``, or ``native``: each picture in its own size."""
    crop: Crop = None
    """Train on parts of this size, cut out of the picture; what is scored is the whole."""
    margin: NonNegative | None = None
    """Added around a box on each side, in box widths; left out, the dataset's."""
    fit: Literal["crop", "squash", "pad"] = "crop"
    """How a picture without a box gets the proportions of ``size``."""
    reduced: bool = False
    """Decode big JPEGs at reduced size: faster, and not the same pixels."""
    frames: Annotated[int, Field(ge=1, le=1024)] = 1
    """Of a clip, which is a folder of frames or a video; 1: a picture."""
    sampling: Literal["spread", "start", "random"] = "spread"
    """Which: spread over the clip, its first, or (training only) a random one of each segment."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """Subtracted from the channels (R, G, B), in units of 0..1."""
    std: tuple[Positive, Positive, Positive] = (0.229, 0.224, 0.225)
    """The channels are divided by this."""

    @field_validator("crop")
    @classmethod
    def _needed(cls, crop: Any, info: ValidationInfo) -> Any:
        if crop is None and info.data.get("size") == "native":
            raise ValueError("is needed, since pictures of their own sizes do not make a batch")
        return crop


class AugmentSpec(Strict):
    """Random changes of training pictures; 0 switches a change off."""

    flip: Fraction = 0.5
    """Probability of a mirror image."""
    scale: tuple[Positive, Positive] = (1.0, 1.0)
    """Side of the view relative to the whole, lowest and highest; without ``input.crop``."""
    shift: Fraction = 0.0
    """Largest shift of the view, in parts of its side; without ``input.crop``."""
    resize: tuple[Enlarging, Enlarging] = (1.0, 1.0)
    """With ``input.crop``: the picture is first enlarged by this factor, lowest and highest."""
    rotate: NonNegative = 0.0
    """Largest rotation, in degrees."""
    brightness: Fraction = 0.0
    """Largest relative change."""
    contrast: Fraction = 0.0
    """Largest relative change."""
    saturation: Fraction = 0.0
    """Largest relative change."""
    gray: Fraction = 0.0
    """Probability of a grayscale picture."""
    erase: Fraction = 0.0
    """Probability of erasing a rectangle (Zhong et al. 2020)."""

    @field_validator("scale", "resize")
    @classmethod
    def _ordered(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if scale[0] > scale[1]:
            raise ValueError("the lowest comes first")
        return scale

    def fault(self, *, parts: bool) -> str:
        """What is asked for and never done, or nothing.

        :param parts: whether parts of the picture are seen (``input.crop``), or its whole.
        """
        defaults = {name: field.default for name, field in type(self).model_fields.items()}
        if parts and (self.scale, self.shift) != (defaults["scale"], defaults["shift"]):
            return "with input.crop, resize takes the place of scale and shift"
        if not parts and self.resize != defaults["resize"]:
            return "resize needs input.crop; without it, scale changes the view"
        return ""


class StrongSpec(AugmentSpec):
    """The second view of a picture that completions such as ``fixmatch`` learn from."""

    flip: Fraction = 0.5
    """Never drawn: it is a mirror image where the first view is one (``augment.flip``)."""
    scale: tuple[Positive, Positive] = (0.6, 1.0)
    """Side of the view relative to the whole, lowest and highest; without ``input.crop``."""
    shift: Fraction = 0.125
    """Largest shift of the view, in parts of its side; without ``input.crop``."""
    brightness: Fraction = 0.5
    """Largest relative change."""
    contrast: Fraction = 0.5
    """Largest relative change."""
    saturation: Fraction = 0.5
    """Largest relative change."""
    gray: Fraction = 0.1
    """Probability of a grayscale picture."""
    erase: Fraction = 0.5
    """Probability of erasing a rectangle."""

    @field_validator("flip")
    @classmethod
    def _as_the_first_view(cls, flip: float) -> float:
        if flip != cls.model_fields["flip"].default:  # which every saved recipe has
            raise ValueError(
                "cannot be set: the second view is mirrored where the first is; set augment.flip"
            )
        return flip
