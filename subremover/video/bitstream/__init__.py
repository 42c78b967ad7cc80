"""What coded pictures of H.264 and HEVC say of themselves."""
