"""Read a video: its description, frames with exact times, shots and clips, sound and subtitles."""

from retrieval.video.attached import attached_picture
from retrieval.video.audio import iter_audio, read_audio
from retrieval.video.clips import ClipCutter, CutClip
from retrieval.video.decoders import DECODERS, open_reader, require_decoder
from retrieval.video.frame import DecodedFrame
from retrieval.video.probing import SubtitleStream, VideoInfo, probe
from retrieval.video.reader import VideoReader
from retrieval.video.sampling import at_times, every, keyframes, shown_at, uniform
from retrieval.video.seeking import frames_from, seek_frames
from retrieval.video.shots import ShotDetector, detect_shots
from retrieval.video.sidecars import SidecarFolders, find_sidecars, read_sidecar, sidecar_language
from retrieval.video.subtitles import SubtitleLine, read_subtitle_stream, read_subtitle_streams

__all__ = [
    "DECODERS", "ClipCutter", "CutClip", "DecodedFrame", "ShotDetector", "SidecarFolders", "SubtitleLine",
    "SubtitleStream", "VideoInfo", "VideoReader", "at_times", "attached_picture", "detect_shots", "every", "find_sidecars",
    "frames_from", "iter_audio", "keyframes", "open_reader", "probe", "read_audio", "read_sidecar", "read_subtitle_stream",
    "read_subtitle_streams", "require_decoder", "seek_frames", "shown_at", "sidecar_language", "uniform",
]
