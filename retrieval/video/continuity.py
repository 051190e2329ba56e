"""One timeline for joined recordings and broken timestamps: after a jump everything follows on what was before."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from av.packet import Packet
from av.stream import Stream

LONGEST_STILL_SECONDS = 600     # without a packet of pictures or sound: more is no pause but a broken timestamp
_BACK_SECONDS = 1.0             # what runs back by less is left to the clock of the pictures and to the sound
_REMEMBERED = 8                 # parts, so that one wrong timestamp is not taken for the end of a part
_REORDERED = 64                 # pictures that at most lie between the orders of decoding and of showing


@dataclass
class _Track:
    tick: Fraction              # seconds
    seconds_a_tick: float
    shift: int = 0              # ticks, added to every timestamp
    part: int = 0               # number of the part that this track has reached
    last: float | None = None   # seconds, where its last packet was placed
    end: int = 0                # ticks, where what it has shown so far ends
    step: int = 0               # ticks, between its last two packets


class Continuity:
    """Moves the timestamps of packets, fed in file order, onto one timeline without jumps.

    A track that runs back by a second or more, or ahead by more than ten minutes of which no packet tells, has
    reached a new part of the file. The track that gets there first follows on its own end; that shift is the part's,
    and the other tracks take it over when they get there, so that pictures, sound and text stay together.
    far_jumps: the number of parts that began far ahead.
    """

    def __init__(self, start_seconds: float) -> None:
        self.far_jumps = 0
        self._latest = start_seconds        # of all tracks
        self._tracks: dict[int, _Track] = {}
        self._part = 0
        self._shifts: deque[Fraction] = deque([Fraction(0)], maxlen=_REMEMBERED)      # seconds, of the latest parts

    def place(self, packet: Packet[Stream]) -> None:
        """Change a packet's timestamps; a length of more than ten minutes is taken away."""
        if packet.time_base is None:
            return
        if packet.duration and packet.duration * packet.time_base > LONGEST_STILL_SECONDS:
            packet.duration = 0
        track = self._tracks.get(packet.stream.index)
        if track is None:
            track = _Track(packet.time_base, float(packet.time_base))
            self._tracks[packet.stream.index] = track
        if packet.stream.type in ("video", "audio"):
            self._follow(packet, track)
        else:
            track.shift = round(self._shifts[-1] / track.tick)
        if track.shift:
            packet.pts = None if packet.pts is None else packet.pts + track.shift
            packet.dts = None if packet.dts is None else packet.dts + track.shift

    def _follow(self, packet: Packet[Stream], track: _Track) -> None:
        stamp = _stamp(packet, track)
        if stamp is None:
            return
        shown = stamp if packet.pts is None else packet.pts
        at = (stamp + track.shift) * track.seconds_a_tick
        is_ahead = (shown + track.shift) * track.seconds_a_tick > self._latest + LONGEST_STILL_SECONDS
        is_back = track.last is not None and at < track.last - _BACK_SECONDS
        is_gap = self._part > 0 and at > track.end * track.seconds_a_tick + _BACK_SECONDS
        if is_ahead or is_back or is_gap:
            known = self._take_known_shift(track, stamp)
            if not known and (is_ahead or is_back):
                self._begin_part(track, shown)
                self.far_jumps += is_ahead
            at = (stamp + track.shift) * track.seconds_a_tick
        if track.last is not None and at > track.last:
            track.step = round((at - track.last) / track.seconds_a_tick)
        track.last = at
        track.end = max(track.end, shown + track.shift + (packet.duration or track.step))
        self._latest = max(self._latest, at)

    def _take_known_shift(self, track: _Track, stamp: int) -> bool:
        """Follow another track into the latest part, or come back from one wrong timestamp."""
        for age, shift in enumerate(reversed(self._shifts)):
            at = float(stamp * track.tick + shift)
            if self._fits(at, track, is_new=age == 0 and track.part < self._part):
                track.shift, track.part = round(shift / track.tick), self._part
                return True
        return False

    def _begin_part(self, track: _Track, shown: int) -> None:
        end = track.end if track.last is not None else round(self._latest / track.seconds_a_tick)
        track.shift = end - shown
        self._shifts.append(track.shift * track.tick)
        self._part += 1
        track.part = self._part

    def _fits(self, at: float, track: _Track, *, is_new: bool) -> bool:
        """Whether a shift brings a track to where it can go on: near its end, anywhere later in a part new to it."""
        near = track.end * track.seconds_a_tick if track.last is not None else self._latest
        return near - _BACK_SECONDS <= at <= (self._latest + LONGEST_STILL_SECONDS if is_new else near + _BACK_SECONDS)


class Order:
    """Tells whether packets, fed in file order, say exactly when their pictures are shown.

    They do while decoding times rise and every packet has a presentation time of its own.
    """

    def __init__(self, *, times_shown: bool = True) -> None:
        """times_shown: False for a container that holds the order of decoding only."""
        self._times_shown = times_shown
        self._last_dts: int | None = None
        self._recent: deque[int] = deque(maxlen=_REORDERED)

    def tells(self, packet: Packet[Stream]) -> bool:
        """Whether this packet goes on in order; once it does not, those after it cannot be trusted either."""
        if self._times_shown and (packet.pts is None or packet.pts in self._recent):
            return False
        if self._last_dts is not None and packet.dts is not None and packet.dts <= self._last_dts:
            return False
        if packet.dts is not None:
            self._last_dts = packet.dts
        if packet.pts is not None:
            self._recent.append(packet.pts)
        return True


def _stamp(packet: Packet[Stream], track: _Track) -> int | None:
    """The time of decoding, which never runs back in a sound file; that of presentation where they contradict."""
    if packet.dts is None:
        return packet.pts
    if packet.pts is not None and abs(packet.pts - packet.dts) * track.seconds_a_tick > LONGEST_STILL_SECONDS:
        return packet.pts
    return packet.dts
