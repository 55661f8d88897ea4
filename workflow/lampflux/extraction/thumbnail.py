"""A raw frame made small enough for a picture."""

import math

import numpy as np

# Rows and columns of a frame that a picture has pixels for.
THUMBNAIL = (500, 1024)


def block_means(image, shape=THUMBNAIL):
    """Average a frame over blocks so that it is no larger than wanted.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
    shape : (int, int)
        Most rows and columns of the result.

    Returns
    -------
    ndarray
        Block means; blocks at the far edges may hold fewer pixels.
    """
    for most in shape:
        step = math.ceil(len(image) / most)
        sums = np.zeros((math.ceil(len(image) / step), image.shape[1]), np.float32)
        counts = np.zeros((len(sums), 1), np.float32)
        for first in range(step):
            part = image[first::step]
            sums[: len(part)] += part
            counts[: len(part)] += 1
        # Rows are done, columns follow, and they change places again.
        image = (sums / counts).T
    return image
