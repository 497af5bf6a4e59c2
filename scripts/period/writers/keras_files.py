"""HDF5 files of Keras 2.2.4 on TensorFlow 1.15, as its ``predict`` answers."""

import numpy as np
from keras import backend, layers, models
from writing import keep, place


def save(kind, model, request):
    """A model with weights that are not those of its start, and its answer."""
    random = np.random.RandomState(5)
    model.set_weights([random.normal(scale=0.4, size=part.shape) ** 2 for part in model.get_weights()])
    model.save(str(place(kind) / "model.h5"))
    keep(kind, ({"inputs": request}, {"prediction": model.predict(request)}))
    backend.clear_session()


random = np.random.RandomState(9)
save(
    "dense",
    models.Sequential(
        [
            layers.Dense(6, activation="elu", input_shape=(4,)),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ]
    ),
    random.normal(size=(2, 4)).astype(np.float32),
)
save(
    "pictures",
    models.Sequential(
        [
            layers.Conv2D(3, 3, padding="same", activation="relu", input_shape=(6, 6, 2)),
            layers.MaxPooling2D(),
            layers.SeparableConv2D(4, 2),
            layers.Flatten(),
            layers.Dense(2, activation="sigmoid"),
        ]
    ),
    random.normal(size=(2, 6, 6, 2)).astype(np.float32),
)
save(
    "recurrent",
    models.Sequential(
        [
            layers.LSTM(4, return_sequences=True, input_shape=(5, 2)),
            layers.Bidirectional(layers.GRU(3, reset_after=False)),
            layers.Dense(1),
        ]
    ),
    random.normal(size=(2, 5, 2)).astype(np.float32),
)
