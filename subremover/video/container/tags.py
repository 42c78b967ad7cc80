"""Which tags of a film still hold for a new file of it."""

from __future__ import annotations

# Tags that the muxer writes anew, or that are true of the old file alone.
_STALE = {
    "encoder",
    "software",  # what AVI calls its muxer
    "major_brand",
    "minor_version",
    "compatible_brands",
    "bps",
    "duration",
    "vendor_id",
    "alpha_mode",  # Matroska's writer goes by the pixel format
}
_STALE_PREFIXES = ("number_of_", "_statistics_")
# The tags that mp4 has a place for; others need FFmpeg's use_metadata_tags, which drops cover art.
MP4_TAGS = set(
    """title artist album album_artist composer date comment genre copyright grouping lyrics description
    synopsis show episode_id network keywords track disc media_type hd_video compilation creation_time rating
    location season_number episode_sort language sort_name sort_artist sort_album
    gapless_playback""".split()  # noqa: SIM905
)


def keep_tags(metadata: dict[str, str]) -> dict[str, str]:
    """The tags of a film or of a stream that still hold for a new file, by key."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower().split("-")[0] not in _STALE and not key.lower().startswith(_STALE_PREFIXES)
    }


def keep_stream_tags(metadata: dict[str, str]) -> dict[str, str]:
    """The tags of a stream that still hold for a new file, by key.

    A `name` becomes the `title`: FFmpeg reads as the one from mp4 what it writes there from the other.
    """
    tags = keep_tags(metadata)
    return tags | {"title": tags["name"]} if "name" in tags and "title" not in tags else tags
