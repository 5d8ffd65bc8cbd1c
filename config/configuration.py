"""A configuration as frozen, typed settings, with the names of files and runs that follow from it.

What each key means stands in ``config/schema.yaml``; `config.reading` makes these from YAML and checks them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evaluate.paper_tables import TABLES
from extract.base.decoders import LIBAV
from extract.datasets import DataSet
from train.settings import Architecture, Recipe, distils

# Where the authors' own checkpoints stand among the runs of a method.
PUBLISHED = "released/published"
CHANCE = "chance"
CONTROLS = ("trained", "untrained", "shuffled")


@dataclass(frozen=True)
class Encoder:
    """How one stream is embedded.

    Attributes:
        weights: A file, or ``random:<seed>``.
        precision: ``fp32`` or ``bf16``; ``auto`` is resolved by now.
        batch: Rows of a padded batch.
        threads: Processor cores of the job.
        workers: Processes that decode.
        encoder: Name of the image encoder; empty for the papers' CLIP.
        decoder: What decodes the pictures.
    """

    weights: str
    precision: str
    batch: int
    threads: int
    workers: int
    encoder: str = ""
    decoder: str = LIBAV


@dataclass(frozen=True)
class FrameLevel:
    """What the frame-level table reports, and selection judges by.

    Attributes:
        branch: ``classification`` or ``alignment``.
        protocol: ``released`` or ``exact``.
        measure: ``ap`` or ``auc``.
    """

    branch: str
    protocol: str
    measure: str


@dataclass(frozen=True)
class Model:
    """One entry of ``methods``: a model to train, or to take from the authors, or chance itself.

    Attributes:
        name: Its key.
        rows: Its line in each table that it stands in, by the table's number.
        modality: What it reads, in words.
        scoring_crop: Number of the crop that scoring reads, or ``all``; chance reads none.
        unreported: Whether the paper's tables lack its rows.
        scoring_window: Attention window that scoring uses in place of the network's.
        scoring_classes: Whose prompts scoring reads, where the configuration says so.
        checkpoint: The authors' file, of a model that is not trained.
        chance: Whether its scores are random numbers, and there is no model.
        untrained: Whether tables show its network as it is before training.
        note: What its tables say of it beside what they say themselves.
        teacher: Name of the model that it is distilled from.
        architecture: What the configuration says of its network, in the order in which command lines repeat it.
        recipe: What the configuration, or else the method's record, says of its training, likewise.
    """

    name: str
    rows: Mapping[int, str]
    modality: str
    scoring_crop: int | str = 0
    unreported: bool = False
    scoring_window: int | None = None
    scoring_classes: str | None = None
    checkpoint: str | None = None
    chance: bool = False
    untrained: bool = False
    note: str = ""
    teacher: str | None = None
    architecture: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scoring(self) -> dict[str, Any]:
        """How it is scored, as far as the configuration says so."""
        named = {name: getattr(self, name) for name in ("scoring_crop", "scoring_window", "scoring_classes")}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def is_trained(self) -> bool:
        """Whether it is trained here."""
        return self.checkpoint is None and not self.chance

    @property
    def network(self) -> Architecture | None:
        """Its network; which one an authors' checkpoint holds is seen when it is read, and chance has none."""
        return Architecture(**self.architecture) if self.is_trained else None

    @property
    def tells_classes(self) -> bool:
        """Whether it tells which anomaly it is, as all that authors released do, and chance."""
        return self.network is None or self.network.tells_classes

    @property
    def is_distilled(self) -> bool:
        """Whether it learns from a teacher."""
        form = self.recipe.get("distillation", Recipe.distillation)
        return self.network is not None and distils(self.network, Recipe(distillation=form))

    @property
    def is_deaf(self) -> bool:
        """Whether sound changes nothing of it: it neither reads any nor learns from what does."""
        return self.network is not None and not (self.network.reads_audio or self.is_distilled)


@dataclass(frozen=True)
class Figure4:
    """What Figure 4 draws.

    Attributes:
        videos: Ids of test videos.
        methods: The one or two methods to draw them by.
    """

    videos: tuple[str, ...]
    methods: tuple[str, ...]


@dataclass(frozen=True)
class Transfer:
    """Trained on one data set, scored on another, see `evaluate.transfer`.

    Attributes:
        configurations: Files of the configurations that make the other data sets.
        methods: Names of methods, here and there.
    """

    configurations: tuple[str, ...]
    methods: tuple[str, ...]


@dataclass(frozen=True)
class SoundStudy:
    """What the methods gain from sound on simulated features, see `evaluate.report.sound_study`.

    Attributes:
        training_videos: One panel of the figure for each.
        test: Test videos.
        snippets: Snippets of every video.
        sight: How much sight tells, in standard deviations.
        sounds: How much sound tells; one point of each line.
        methods: The models.
        seeds: Of the trainings.
        seed: Of the features.
    """

    training_videos: tuple[int, ...]
    test: int
    snippets: int
    sight: float
    sounds: tuple[float, ...]
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    seed: int


@dataclass(frozen=True)
class Configuration:
    """A checked configuration.

    Attributes:
        name: Prefix of every output.
        source: File that it was read from, for messages.
        data_set: Whose classes, stride and tables.
        note: Free text that stands in shards and tables.
        videos: Where videos and lists lie, or what to generate (``generate``); empty for released features.
        released: Where released features and their lists lie; empty for videos.
        stride: Frames a snippet.
        crops: Crops to extract.
        dtype: Type of stored features.
        shards: Number of shards by split.
        max_failures: Most videos that may fail.
        device: ``auto``, ``cpu`` or ``cuda``.
        visual: The image encoder; none for released features.
        audio: The sound's encoder, if there is sound.
        text_weights: Weights of CLIP's text tower.
        seeds: One training run of every model for each.
        learning_seeds: Those of the learning table.
        selection: Which epoch is kept.
        train_threads: Threads of a training run.
        models: What stands under ``methods``, by name.
        figure4: What Figure 4 draws, if it is drawn.
        sound_study: The study, if there is one.
        transfer: What other data sets are scored, if there are any.
        frame_level: What the frame-level table reports.
        cut_videos: ``refuse`` or ``take``, for files that seem to be cut short; empty where it is not said.
        automatic: Keys that said ``precision: auto``.
        whole: All of it as plain data, variants spelled out, for the page on provenance.
    """

    name: str
    source: str
    data_set: DataSet
    note: str
    videos: Mapping[str, Any]
    released: Mapping[str, Any]
    stride: int
    crops: tuple[int, ...]
    dtype: str
    shards: Mapping[str, int]
    max_failures: int
    device: str
    visual: Encoder | None
    audio: Encoder | None
    text_weights: str
    seeds: tuple[int, ...]
    learning_seeds: tuple[int, ...]
    selection: str
    train_threads: int
    models: Mapping[str, Model]
    figure4: Figure4 | None
    sound_study: SoundStudy | None
    transfer: Transfer | None
    frame_level: FrameLevel
    cut_videos: str
    automatic: tuple[str, ...]
    whole: Mapping[str, Any]

    @property
    def cut(self) -> dict[str, str]:
        """What becomes of files that seem to be cut short, where it is said; other runs' commands stay as they are."""
        return {"cut": self.cut_videos} if self.cut_videos else {}

    @property
    def work(self) -> str:
        """Folder of what is kept between steps."""
        return f"work/{self.name}"

    @property
    def causal(self) -> str:
        """Folder of what scoring as live makes on its way."""
        return f"{self.work}/causal"

    @property
    def report(self) -> str:
        """Folder of what the report gathers."""
        return f"results/{self.name}_report"

    @property
    def is_released(self) -> bool:
        """Whether the features are the authors'."""
        return bool(self.released)

    @property
    def is_own(self) -> bool:
        """Whether the videos are the user's own, which no paper has measured, so that their tables stand alone."""
        return "list" in self.videos

    @property
    def classes_file(self) -> str:
        """The file of the user's own classes; empty where they are those of a built-in data set."""
        return f"{self.work}/classes.yaml" if "classes" in self.whole else ""

    @property
    def codes_file(self) -> str:
        """The file of their codes alone, for the catalog, which another prompt must not make again."""
        return f"{self.work}/codes.yaml" if "classes" in self.whole else ""

    @property
    def weights(self) -> dict[str, str]:
        """The weights it names, by their keys."""
        encoders = {"visual.weights": self.visual, "audio.weights": self.audio}
        named = {key: encoder.weights for key, encoder in encoders.items() if encoder}
        return named | ({"text_weights": self.text_weights} if self.text_weights else {})

    @property
    def is_generated(self) -> bool:
        """Whether the videos are generated."""
        return "generate" in self.videos

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams to embed."""
        return ("visual", "audio") if self.audio else ("visual",)

    @property
    def trained(self) -> list[str]:
        """Names of the models that are trained here."""
        return [name for name, model in self.models.items() if model.is_trained]

    @property
    def imported(self) -> list[str]:
        """Names of the models whose checkpoints are the authors'."""
        return [name for name, model in self.models.items() if model.checkpoint is not None]

    @property
    def by_chance(self) -> list[str]:
        """Names of those whose scores are random numbers."""
        return [name for name, model in self.models.items() if model.chance]

    @property
    def tables(self) -> list[int]:
        """Numbers of the tables that it makes."""
        return [number for number in self.data_set.reported if self.models_in(number)]

    @property
    def causal_tables(self) -> list[int]:
        """Numbers of those that it can make as live: frame-level tables alone, and of videos, whose sound it embeds."""
        return [] if self.is_released else [number for number in self.tables if TABLES[number].causal]

    @property
    def causal_shards(self) -> list[str]:
        """Name the test shards whose sound is standardised by its past; without sound they are those of all."""
        return self.shards_of("test", self.causal if self.audio else "")

    def models_in(self, table: int) -> list[str]:
        """Name the models that have a row in a table."""
        return [name for name, model in self.models.items() if table in model.rows]

    def shards_of(self, split: str, folder: str = "") -> list[str]:
        """Name the shards of a split, in the work folder or another; authors' checkpoints need no training shards."""
        if split == "train" and not self.trained:
            return []
        return [f"{folder or self.work}/shards/{split}-{number:05d}.h5" for number in range(self.shards[split])]

    def runs_of(self, name: str) -> list[str]:
        """Name the runs of a model that tables show, as control/run: one for each seed, or the published one."""
        model = self.models[name]
        if model.checkpoint is not None:
            return [PUBLISHED]
        control = CHANCE if model.chance else "untrained" if model.untrained else "trained"
        return [f"{control}/seed{seed}" for seed in self.seeds]

    def metrics_in(self, table: int, folder: str = "") -> list[str]:
        """Name the metrics of every model and run that a table shows, in the work folder or another."""
        where = folder or self.work
        return [f"{where}/metrics/{name}/{run}.json" for name in self.models_in(table) for run in self.runs_of(name)]

    def scores_of_controls(self) -> list[tuple[str, str, str]]:
        """Name the scores of every trained model of Tables 1 and 2, control and seed, as (model, control, file)."""
        return [
            (name, control, f"{self.work}/scores/{name}/{control}/seed{seed}.h5")
            for name in self.trained
            if {1, 2} & self.models[name].rows.keys() and not self.models[name].untrained
            for control in CONTROLS
            for seed in self.learning_seeds
        ]

    def sound_study_runs(self) -> list[tuple[str, str, str, str]]:
        """Name the metrics of the sound study, as (training videos, sound, model, file).

        What neither hears nor learns from what hears is trained once, for all strengths of the sound.
        """
        study = self.sound_study
        if study is None:
            return []
        return [
            (str(videos), str(sound), name, f"{self.work}/sound_study/{videos}-{sound}/{name}/trained/seed{seed}.json")
            for videos in study.training_videos
            for name in study.methods
            for sound in (study.sounds[:1] if self.models[name].is_deaf else study.sounds)
            for seed in study.seeds
        ]
