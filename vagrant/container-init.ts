/** The first process of every host that is a container, also of those that `task rehearse` makes. */
export const CONTAINER_INIT: URL = new URL('./container-init.sh', import.meta.url)
