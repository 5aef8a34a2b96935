"""The whole system in real containers: an engine of its own, stand-ins for the makers' images, a system a module.

Asked for by ``tests/run.sh containers`` alone: root, 12 GB of memory, 20 GB of disk. See docs/operations.md.
"""
