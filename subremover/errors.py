"""Every way a run can fail that the user can act on, each with its exit code.

Raise these where the cause is known; `cli` turns them into a message and an exit code. Message:
what failed, what was found, what to do about it, in one or two lines.
"""


class SubremoverError(Exception):
    """A failure that is not a bug of this program; `exit_code` is what the command returns."""

    exit_code = 1


class UsageError(SubremoverError):
    """An option's value makes no sense, alone or for this film."""

    exit_code = 2


class InputError(SubremoverError):
    """The film cannot be read, or is no film."""

    exit_code = 3


class FilmChangedError(InputError):
    """The film was written to during the run: what was made of it belongs to no film."""


class OutputError(SubremoverError):
    """The result cannot be written."""

    exit_code = 4


class ContainerError(OutputError):
    """The film cannot be told by the container asked for: to try it again would not help."""


class PlanError(SubremoverError):
    """A plan, a mask or an SRT file of times cannot be read or does not belong to the film."""

    exit_code = 5


class DeviceError(SubremoverError):
    """The device asked for is absent, or too small for a single crop."""

    exit_code = 6


class WorkerError(SubremoverError):
    """A GPU failed amid the fit, or a segment could not be made on any machine of a cluster."""

    exit_code = 7


class ClusterError(WorkerError):
    """There is no such cluster, it is gone, or none of its machines can make the film."""


EXIT_INTERRUPTED = 130
