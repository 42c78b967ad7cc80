"""The films that fidelity.py runs: every container, track, tag, time, shape and colour that is known."""

from __future__ import annotations

from fidelity_films import Item, cut
from fidelity_pictures import COLOUR, PIXELS, SHAPE

_QUIET265 = "-x265-params log-level=none"

SOUND = [
    Item("ten sound tracks: aac ac3 eac3 mp3 opus vorbis flac alac pcm mp2", "mkv",
         "{v} {a} -map 0 " + "-map 1 " * 10 + "-c:v libx264 -c:a:0 aac -c:a:1 ac3 -c:a:2 eac3 -c:a:3 libmp3lame "
         "-c:a:4 libopus -c:a:5 libvorbis -c:a:6 flac -c:a:7 alac -c:a:8 pcm_s24le -c:a:9 mp2", is_quick=True),
    Item("dts, truehd, tta, wavpack", "mkv",
         "{v} {a} -map 0 -map 1 -map 1 -map 1 -map 1 -ac 2 -c:v libx264 -c:a:0 dca -c:a:1 truehd -c:a:2 tta "
         "-c:a:3 wavpack -strict -2"),
    Item("aac ac3 eac3 mp3 opus flac alac dts truehd pcm", "mp4",
         "{v} {a} -map 0 " + "-map 1 " * 10 + "-ac 2 -c:v libx264 -c:a:0 aac -c:a:1 ac3 -c:a:2 eac3 "
         "-c:a:3 libmp3lame -c:a:4 libopus -c:a:5 flac -c:a:6 alac -c:a:7 dca -c:a:8 truehd -c:a:9 pcm_s16le "
         "-strict -2"),
    Item("aac alac pcm ac3", "mov", "{v} {a} -map 0 -map 1 -map 1 -map 1 -map 1 -c:v libx264 -c:a:0 aac "
         "-c:a:1 alac -c:a:2 pcm_s16le -c:a:3 ac3"),
    Item("opus, vorbis", "webm", "{v} {a} -map 0 -map 1 -map 1 -c:v libvpx-vp9 -c:a:0 libopus -c:a:1 libvorbis"),
    Item("aac, ac3, mp2, opus", "ts", "{v} {a} -map 0 -map 1 -map 1 -map 1 -map 1 -c:v libx264 -c:a:0 aac "
         "-c:a:1 ac3 -c:a:2 mp2 -c:a:3 libopus"),
    Item("mp3, ac3, pcm", "avi", "{v} {a} -map 0 -map 1 -map 1 -map 1 -c:v mpeg4 -c:a:0 libmp3lame -c:a:1 ac3 "
         "-c:a:2 pcm_s16le"),
    Item("mp2, ac3", "mpg", "{v} {a} -map 0 -map 1 -map 1 -c:v mpeg2video -c:a:0 mp2 -c:a:1 ac3"),
    Item("aac", "flv", "{v} {a} -c:v libx264 -c:a aac"),
    Item("wma", "wmv", "{v} {a} -c:v wmv2 -c:a wmav2"),
    Item("aac ac3 mp3 opus flac alac", "mkv",
         "{v} {a} -map 0 " + "-map 1 " * 6 + "-c:v libx264 -c:a:0 aac -c:a:1 ac3 -c:a:2 libmp3lame -c:a:3 libopus "
         "-c:a:4 flac -c:a:5 alac", "mp4", is_quick=True),
    Item("tta", "mkv", "{v} {a} -map 0 -map 1 -map 1 -c:v libx264 -c:a:0 tta -c:a:1 aac",
         "mp4", loses=("audio", "packets", "codec"), warning=r"audio stream 1 \(tta\) cannot be kept in mp4"),
]  # fmt: skip

TEXT = [
    Item("two subrip tracks, languages, titles, dispositions", "mkv",
         "{v} {a} -i {words__srt} -i {more__srt} -map 0 -map 1 -map 1 -map 2 -map 3 -c:v libx264 -c:a aac "
         "-c:s subrip -metadata:s:a:0 language=eng -metadata:s:a:1 language=jpn -metadata:s:a:1 title=Comment "
         "-metadata:s:s:0 language=deu -metadata:s:s:1 language=fra -metadata:s:s:1 title=Zwei "
         "-disposition:a:0 default -disposition:a:1 comment -disposition:s:0 forced+hearing_impaired "
         "-disposition:s:1 original", is_quick=True),
    Item("ass, with its styles and fonts", "mkv",
         "{v} -i {words__ass} -map 0 -map 1 -c:v libx264 -c:s copy -attach {font__ttf} "
         "-metadata:s:t mimetype=application/x-truetype-font"),
    Item("mov_text, languages, dispositions", "mp4",
         "{v} {a} -i {words__srt} -i {more__srt} -map 0 -map 1 -map 2 -map 3 -c:v libx264 -c:a aac -c:s mov_text "
         "-metadata:s:s:0 language=deu -metadata:s:s:1 language=fra -disposition:s:1 forced"),
    Item("mov_text", "mov", "{v} -i {words__srt} -map 0 -map 1 -c:v libx264 -c:s mov_text"),
    Item("webvtt", "webm", "{v} -i {words__vtt} -map 0 -map 1 -c:v libvpx-vp9 -c:s webvtt"),
    Item("subrip to mov_text", "mkv", "{v} -i {words__srt} -map 0 -map 1 -c:v libx264 -c:s subrip "
         "-metadata:s:s:0 language=deu -metadata:s:s:0 title=Deutsch -disposition:s:0 default", "mp4",
         work="encoded again"),
    Item("mov_text to subrip", "mp4", "{v} -i {words__srt} -map 0 -map 1 -c:v libx264 -c:s mov_text "
         "-metadata:s:s:0 language=deu", "mkv", work="encoded again"),
    Item("ass to mov_text", "mkv", "{v} -i {words__ass} -map 0 -map 1 -c:v libx264 -c:s copy", "mp4",
         loses=("subtitle", "text"), warning=r"subtitle stream 1 \(ass\)"),
    Item("webvtt to mov_text", "mkv", "{v} -i {words__vtt} -map 0 -map 1 -c:v libx264 -c:s webvtt", "mp4",
         work="encoded again"),
    Item("picture subtitles: dvd_subtitle", "mkv", "{v} -fix_sub_duration -i {words__sup} -map 0 -map 1 -c:v libx264 "
         "-c:s dvd_subtitle"),
    Item("picture subtitles: pgs", "mkv", "{v} -fix_sub_duration -i {words__sup} -map 0 -map 1 -c:v libx264 -c:s copy",
         is_quick=True),
    Item("picture subtitles: dvb_subtitle", "ts", "{v} -fix_sub_duration -i {words__sup} -map 0 -map 1 -c:v libx264 -c:s dvbsub"),
    Item("picture subtitles: dvb_subtitle", "ts", "{v} -fix_sub_duration -i {words__sup} -map 0 -map 1 -c:v libx264 -c:s dvbsub",
         "mkv"),
    Item("picture subtitles: pgs", "mkv", "{v} -fix_sub_duration -i {words__sup} -map 0 -map 1 -c:v libx264 -c:s copy", "mp4",
         loses=("subtitle",), warning=r"subtitle stream 1 \(hdmv_pgs_subtitle\) cannot be kept in mp4"),
]  # fmt: skip

TAGS = [
    Item("chapters, tags", "mkv", "{v} {a} -i {tags__txt} -map 0 -map 1 -map_metadata 2 -c:v libx264 -c:a aac",
         is_quick=True),
    Item("chapters, tags, one unknown to mp4", "mp4",
         "{v} {a} -i {tags__txt} -map 0 -map 1 -map_metadata 2 -movflags use_metadata_tags -c:v libx264 -c:a aac"),
    Item("chapters, tags", "mov", "{v} {a} -i {tags__txt} -map 0 -map 1 -map_metadata 2 -c:v libx264 -c:a aac"),
    Item("chapters, tags", "webm", "{v} {a} -i {tags__txt} -map 0 -map 1 -map_metadata 2 -c:v libvpx-vp9 "
         "-c:a libopus"),
    Item("chapters, tags", "mkv", "{v} {a} -i {tags__txt} -map 0 -map 1 -map_metadata 2 -c:v libx264 -c:a aac",
         "mp4", is_quick=True),
    Item("tags", "avi", "{v} -metadata title=Film -metadata comment=Words -c:v mpeg4"),
    Item("tags", "wmv", "{v} -metadata title=Film -metadata comment=Words -c:v wmv2"),
    Item("tags", "flv", "{v} -metadata title=Film -metadata comment=Words -c:v libx264"),
    Item("fonts and other attachments", "mkv", "{v} -attach {font__ttf} -attach {data__bin} "
         "-metadata:s:t:0 mimetype=application/x-truetype-font "
         "-metadata:s:t:1 mimetype=application/octet-stream -c:v libx264", is_quick=True),
    Item("fonts", "mkv", "{v} -attach {font__ttf} -metadata:s:t:0 mimetype=application/x-truetype-font "
         "-c:v libx264", "mp4", loses=("attachment",), warning="attachment 'font.ttf' cannot be kept in mp4"),
    Item("cover art, jpeg", "mkv", "{v} -attach {cover__jpg} -metadata:s:t:0 mimetype=image/jpeg -c:v libx264"),
    Item("cover art, jpeg", "mp4", "{v} -i {cover__jpg} -map 0 -map 1 -c:v:0 libx264 -c:v:1 copy "
         "-disposition:v:1 attached_pic", is_quick=True),
    Item("cover art, png", "mp4", "{v} -i {cover__png} -map 0 -map 1 -c:v:0 libx264 -c:v:1 copy "
         "-disposition:v:1 attached_pic"),
    Item("cover art, jpeg", "mkv", "{v} -attach {cover__jpg} -metadata:s:t:0 mimetype=image/jpeg -c:v libx264",
         "mp4"),
    Item("cover art, jpeg", "mp4", "{v} -i {cover__jpg} -map 0 -map 1 -c:v:0 libx264 -c:v:1 copy "
         "-disposition:v:1 attached_pic", "mkv", work="attachment"),
    Item("cover art, jpeg", "mp4", "{v} -i {cover__jpg} -map 0 -map 1 -c:v:0 libx264 -c:v:1 copy "
         "-disposition:v:1 attached_pic", "mov", loses=("cover", "video"), warning="cover art cannot be kept in mov"),
    Item("timecode", "mov", "{v} -timecode 01:02:03:04 -c:v libx264", work="made anew by the muxer"),
    Item("timecode", "mp4", "{v} -timecode 01:02:03:04 -c:v libx264", work="made anew by the muxer"),
    Item("timecode of drop frames", "mov", "{v} -r 30000/1001 -timecode 01:02:03;04 -c:v libx264",
         work="made anew by the muxer"),
    Item("number and name of the program, numbers of streams", "ts",
         "{v} {a} -metadata service_name=Channel -metadata service_provider=Somebody -mpegts_service_id 77 "
         "-streamid 0:1001 -streamid 1:1002 -c:v libx264 -c:a aac", is_quick=True),
    Item("two programs", "ts", "{v} {a} -map 0 -map 1 -program title=One:st=0 -program title=Two:st=1 -c:v libx264 "
         "-c:a aac", loses=("programs",), warning="the 2 programs"),
    Item("data stream (klv)", "ts", "{v} -f data -i {data__bin} -map 0 -map 1 -c:v libx264 -c:d copy -f mpegts"),
]  # fmt: skip

TIMES = [
    Item("sound 0.7 s late", "mkv", "{v} -itsoffset 0.7 {a} -c:v libx264 -c:a aac"),
    Item("sound 0.7 s late", "mp4", "{v} -itsoffset 0.7 {a} -c:v libx264 -c:a aac", is_quick=True),
    Item("sound 0.7 s late", "ts", "{v} -itsoffset 0.7 {a} -c:v libx264 -c:a aac"),
    Item("picture 1.2 s late", "mkv", "-itsoffset 1.2 {v} {a} -c:v libx264 -c:a aac"),
    Item("picture 1.2 s late", "mp4", "-itsoffset 1.2 {v} {a} -c:v libx264 -c:a aac"),
    Item("picture 1.2 s late", "mov", "-itsoffset 1.2 {v} {a} -c:v libx264 -c:a pcm_s16le"),
    Item("negative decoding times", "mp4", "{v} {a} -c:v libx264 -bf 3 -movflags negative_cts_offsets -c:a aac"),
    Item("edit list within a GOP", "mp4", cut("-c:v libx264 -g 25 -bf 2 -c:a aac", "mp4"), is_quick=True),
    Item("edit list within a GOP", "mov", cut("-c:v libx264 -g 25 -bf 2 -c:a pcm_s16le", "mov")),
    Item("edit list within a GOP, hevc", "mp4", cut(f"-c:v libx265 {_QUIET265} -g 25 -tag:v hvc1 -c:a aac", "mp4")),
    Item("varying frame rate", "mkv", "{v} -vf setpts=N*N/(50*TB)+N/(25*TB) -fps_mode passthrough -c:v libx264"),
    Item("varying frame rate", "mp4", "{v} -vf setpts=N*N/(50*TB)+N/(25*TB) -fps_mode passthrough -c:v libx264"),
    Item("varying frame rate, vp9", "webm",
         "{v} -vf setpts=N*N/(50*TB)+N/(25*TB) -fps_mode passthrough -c:v libvpx-vp9"),
    Item("varying frame rate, hevc", "mkv",
         "{v} -vf setpts=N*N/(50*TB)+N/(25*TB) -fps_mode passthrough -c:v libx265 {x265}"),
    Item("24000/1001 frames a second", "mp4", "{v} -r 24000/1001 -c:v libx264"),
    Item("120 frames a second", "mkv", "{v} -r 120 -c:v libx264"),
    Item("mpeg4 with B-frames", "avi", "{v} {a} -c:v mpeg4 -bf 2 -c:a libmp3lame"),
    Item("mpeg4 with B-frames", "mkv", "{v} {a} -c:v mpeg4 -bf 2 -c:a libmp3lame"),
    Item("mpeg2 with B-frames", "mpg", "{v} {a} -c:v mpeg2video -bf 2 -c:a mp2"),
    Item("mpeg2 with B-frames", "ts", "{v} {a} -c:v mpeg2video -bf 2 -c:a mp2"),
    Item("mpeg2 with B-frames", "mkv", "{v} {a} -c:v mpeg2video -bf 2 -c:a mp2"),
    Item("wmv2", "wmv", "{v} {a} -c:v wmv2 -c:a wmav2"),
    Item("h264", "flv", "{v} {a} -c:v libx264 -bf 2 -c:a aac"),
    Item("mjpeg", "avi", "{v} {a} -c:v mjpeg -c:a pcm_s16le"),
    Item("theora", "ogv", "{v} {a} -c:v libtheora -c:a libvorbis", "mkv", loses=("codec",), warning="no encoder"),
    Item("from mp4", "mp4", "{v} {a} -c:v libx264 -bf 2 -c:a aac", "mkv"),
    Item("from mkv", "mkv", "{v} {a} -c:v libx264 -bf 2 -c:a aac", "mp4"),
    Item("from ts", "ts", "{v} {a} -c:v libx264 -bf 2 -c:a aac", "mp4"),
]  # fmt: skip

SECTIONS = {
    "sound": SOUND,
    "subtitles": TEXT,
    "tags, chapters, attachments": TAGS,
    "times": TIMES,
    "shape, rotation, fields": SHAPE,
    "colour, captions": COLOUR,
    "pixel formats, alpha": PIXELS,
}
