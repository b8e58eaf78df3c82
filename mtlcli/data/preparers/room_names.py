"""What invented rooms are labelled with."""

CLASSES = (
    "wall", "floor", "ceiling", "window", "door", "picture", "table", "chair", "sofa", "bed",
    "cabinet", "lamp", "object",
)  # fmt: skip
ROOMS = ("bedroom", "living room", "dining room", "office", "hall")
