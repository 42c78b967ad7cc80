"""Reads and rewrites headers of coded pictures, without decoding: H.264 and HEVC, a little VP9 and AV1."""
