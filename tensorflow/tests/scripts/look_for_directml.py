# SPDX-License-Identifier: Apache-2.0
"""A user's script: prints the devices and asks whether a DirectML device is among those called GPU."""

import tensorflow as tf

print(tf.config.list_physical_devices())
print(tf.config.list_physical_devices('DirectML'))
if any(isinstance(dev, tf.config.PhysicalDevice) and 'DirectML' in dev.name for dev in tf.config.get_visible_devices('GPU')):
    print('DirectML is there')
else:
    print('DirectML is not there')
